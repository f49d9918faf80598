/** The planner's answer, as far as the page shows it. Every number of it is the server's. */
export type Verdict = 'holds' | 'tight' | 'fails';

export interface Check {
  name: string;
  words: string;
  asked: number;
  there: number | null;
  verdict: Verdict;
  asked_words: string;
  there_words: string;
}

export interface Advice {
  words: string;
  saves_words: string;
  change: Record<string, string>;
}

export interface Offer {
  kind: 'shape' | 'provider' | 'delivery' | 'managed';
  id: string;
  name: string;
  monthly_usd: number;
  verdict: Verdict;
  value: string;
  fixed_value: string;
  source: string;
}

export interface Series {
  transfer_days: number[];
  transfer_used: number[];
  transfer_accrued: number[];
  storage_months: number[];
  storage_used: number[];
  people_hours: number[];
  people: number[];
  people_hold: number;
  profit_subscribers: number[];
  profit: number[];
}

export interface Answer {
  shape: string;
  edges: number;
  verdict: Verdict;
  cheapest: string | null;
  machines: { name: string; title: string; roles: string[] }[];
  storage: { bytes: number };
  demand: Record<string, string | number>;
  checks: Check[];
  advice: Advice[];
  compare: Offer[];
  growth: {
    months: { month: number; viewers: number; shape: string | null; words: string[] }[];
    outgrown_words: string[];
  };
  series: Series;
  currency: { code: 'usd' | 'krw'; rate: number };
  words: {
    verdict: string;
    first_limit: string;
    notes: string[];
    values: Record<string, string>;
    cost_parts: { words: string; value: string }[];
  };
  why?: { depth: number; text: string }[];
}

/** JSON that the template put into the page. */
export function embedded<T>(id: string): T {
  return JSON.parse(document.getElementById(id)?.textContent ?? 'null') as T;
}
