/** Parsing of what the chat's connection carries. Names of fields are the server's. */
import { fields, instant, list, number, string } from '../lib/status';

export const ROLES = ['owner', 'moderator', 'member', 'guest'] as const;
export type Role = (typeof ROLES)[number];

export interface Person {
  /** Stable within the channel: what moderators act on. */
  id: string;
  name: string;
  role: Role;
  hue: number;
}

export interface Quote {
  id: string;
  by: string;
  text: string;
}

export interface Message {
  id: string;
  /** Milliseconds since 1970. */
  at: number;
  by: Person;
  text: string;
  replyTo: Quote | null;
  /** The mark that the sender gave it, so that what is sent twice is one. */
  nonce: string | null;
  /** True if a moderator brought it back after its deletion. */
  restored: boolean;
}

export type Links = 'off' | 'moderators' | 'all';

export interface Mode {
  /** Seconds between two messages of a person; 0 is off. */
  slow: number;
  membersOnly: boolean;
  emoteOnly: boolean;
  links: Links;
  /** True if people without an account may write. */
  guests: boolean;
}

/** Identity and permissions of this page in the chat. */
export interface Standing extends Person {
  signedIn: boolean;
  mayWrite: boolean;
  mayModerate: boolean;
  /** True if one chooses the moderators. */
  mayManage: boolean;
  /** Code of what keeps one from writing: `name_needed`, `timed_out` and others. */
  reason: string;
  /** End of that, in milliseconds since 1970. */
  until: number | null;
}

export interface Emote {
  name: string;
  url: string;
}

export interface Welcome {
  you: Standing;
  mode: Mode;
  pinned: Message | null;
  emotes: Emote[];
  reactions: string[];
  presence: Presence;
  /** Signs that a message may have. */
  longest: number;
  /** True if the messages that follow are exactly those missed; otherwise the chat starts anew. */
  recovered: boolean;
  /** More was missed than the room remembers. */
  gap: boolean;
}

export interface Presence {
  people: number | null;
  /** Viewers of the stream; null off the air. */
  viewers: number | null;
}

/** True for somebody without an account. */
export const isGuest = (person: string): boolean => person.startsWith('g');

/** Somebody as acts of moderators name them. */
export interface Named {
  id: string;
  name: string;
}

/** A ban, or a time-out that ends at `until` (milliseconds since 1970). With `address` it is of all
 * guests of an address, whose ids begin with its own. */
export interface Sanction extends Named {
  until: number | null;
  address: boolean;
}

/** Bans and time-outs, as moderators' pages are told them: `all`, or only the changes. */
export interface Sanctions {
  all: boolean;
  given: Sanction[];
  /** Ids of those from whom it was lifted. */
  lifted: string[];
}

/** Act of a moderator, as the other moderators hear of it. */
export interface Notice {
  act: string;
  by: string;
  /** To whom; empty where the act is about nobody. */
  person: string;
  name: string;
  seconds: number | null;
  address: boolean;
  undo: string | null;
}

export interface Refusal {
  code: string;
  message: string;
  /** Seconds until it is worth trying again; null where it is not. */
  retryAfter: number | null;
}

export type RoomEvent =
  | { type: 'welcome'; welcome: Welcome }
  | { type: 'messages'; messages: Message[] }
  | { type: 'delete'; ids: string[] }
  | { type: 'clear'; person: string | null }
  | { type: 'mode'; mode: Mode }
  | { type: 'you'; you: Standing }
  | { type: 'pin'; message: Message | null }
  | { type: 'presence'; presence: Presence }
  | { type: 'emotes'; emotes: Emote[] }
  | { type: 'reactions'; counts: [string, number][] }
  | { type: 'missed'; count: number }
  | { type: 'notice'; notice: Notice }
  | { type: 'sanctions'; sanctions: Sanctions }
  | { type: 'reconnect'; after: number }
  | { type: 'error'; refusal: Refusal };

/** Act of a moderator, as the server takes it. */
export type Act =
  | { act: 'delete' | 'pin'; id: string }
  | { act: 'unpin' | 'clear' }
  | { act: 'slow'; seconds: number }
  | { act: 'members_only' | 'emote_only' | 'guests'; on: boolean }
  | { act: 'timeout'; person: string; seconds: number }
  | { act: 'links'; to: Links }
  | { act: 'ban'; person: string; address: true; dry_run?: true }
  | { act: 'ban' | 'unban' | 'untimeout' | 'mod' | 'unmod'; person: string }
  | { act: 'undo'; undo: string };

const moment = (value: unknown): number | null => instant(value)?.getTime() ?? null;
const role = (value: unknown): Role => ROLES.find((known) => known === value) ?? 'guest';

function parsePerson(of: Record<string, unknown>): Person {
  const name = string(of['name']);
  return { id: string(of['person']), name, role: role(of['role']), hue: number(of['hue']) ?? 0 };
}

function parseMessage(value: unknown): Message {
  const of = fields(value);
  const reply = of['reply_to'] ? fields(of['reply_to']) : null;
  return {
    id: string(of['id']),
    at: moment(of['at']) ?? 0,
    by: parsePerson(of),
    text: string(of['text']),
    replyTo: reply && {
      id: string(reply['id']),
      by: string(reply['name']),
      text: string(reply['text']),
    },
    nonce: string(of['nonce']) || null,
    restored: of['restored'] === true,
  };
}

/** What the API tells of a part of a show's chat. Times in milliseconds since 1970. */
export interface ReplayPart {
  messages: Message[];
  /** Times of the nearest messages outside of the part; null where there is none. */
  previous: number | null;
  next: number | null;
  /** Another one after a message of the show was deleted or brought back. */
  version: string;
}

/** Reads a page of a show's chat, and the cursor of the next; null on the last. */
export function parseReplay(value: unknown): ReplayPart & { cursor: string | null } {
  const of = fields(value);
  return {
    messages: list(of['items']).map(parseMessage),
    previous: moment(of['previous_at']),
    next: moment(of['next_at']),
    version: string(of['version']),
    cursor: string(of['next_cursor']) || null,
  };
}

function parseMode(value: unknown): Mode {
  const of = fields(value);
  const links = string(of['links']);
  return {
    slow: number(of['slow']) ?? 0,
    membersOnly: of['members_only'] === true,
    emoteOnly: of['emote_only'] === true,
    links: links === 'off' || links === 'moderators' ? links : 'all',
    guests: of['guests'] !== false,
  };
}

function parseStanding(value: unknown): Standing {
  const of = fields(value);
  return {
    ...parsePerson(of),
    signedIn: of['signed_in'] === true,
    mayWrite: of['may_write'] === true,
    mayModerate: of['may_moderate'] === true,
    mayManage: of['may_manage'] === true,
    reason: string(of['reason']),
    until: moment(of['until']),
  };
}

function parseEmotes(value: unknown): Emote[] {
  return list(value).map((item) => {
    const of = fields(item);
    return { name: string(of['name']), url: string(of['url']) };
  });
}

function parseSanctions(value: unknown): Sanctions {
  const of = fields(value);
  const people = list(of['people']).map(fields);
  const given = people.filter((one) => one['kind'] !== 'none');
  const lifted = people.filter((one) => one['kind'] === 'none');
  return {
    all: of['all'] === true,
    given: given.map((one) => ({
      id: string(one['person']),
      name: string(one['name']),
      until: one['kind'] === 'timeout' ? moment(one['until']) : null,
      address: one['address'] === true,
    })),
    lifted: lifted.map((one) => string(one['person'])),
  };
}

function parsePresence(value: unknown): Presence {
  const of = fields(value ?? {});
  return { people: number(of['people']), viewers: number(of['viewers']) };
}

function parseWelcome(value: unknown): Welcome {
  const of = fields(value);
  return {
    you: parseStanding(of['me']),
    mode: parseMode(of['mode']),
    pinned: of['pinned'] ? parseMessage(of['pinned']) : null,
    emotes: parseEmotes(of['emotes']),
    reactions: list(of['reactions']).map(string),
    presence: parsePresence(of['presence']),
    longest: number(fields(of['limits'] ?? {})['text']) ?? 500,
    recovered: of['recovered'] === true,
    gap: of['gap'] === true,
  };
}

/** The data of a refused connection, or the answer to a refused act. */
export function parseRefusal(value: unknown, otherwise: string): Refusal {
  const of = typeof value === 'object' && value !== null ? fields(value) : {};
  return {
    code: string(of['code']) || 'refused',
    message: string(of['error']) || string(of['detail']) || otherwise,
    retryAfter: number(of['retry_after']),
  };
}

/** Reads an event of the server; null for one that this page does not know. */
export function parseEvent(name: string, value: unknown): RoomEvent | null {
  switch (name) {
    case 'welcome':
      return { type: 'welcome', welcome: parseWelcome(value) };
    case 'messages':
      return { type: 'messages', messages: list(value).map(parseMessage) };
    case 'delete':
      return { type: 'delete', ids: list(fields(value)['ids']).map(string) };
    case 'clear':
      return { type: 'clear', person: string(fields(value ?? {})['person']) || null };
    case 'mode':
      return { type: 'mode', mode: parseMode(value) };
    case 'you':
      return { type: 'you', you: parseStanding(value) };
    case 'pin': {
      const { message } = fields(value);
      return { type: 'pin', message: message ? parseMessage(message) : null };
    }
    case 'presence':
      return { type: 'presence', presence: parsePresence(value) };
    case 'emotes':
      return { type: 'emotes', emotes: parseEmotes(value) };
    case 'reactions':
      return {
        type: 'reactions',
        counts: Object.entries(fields(value)).map(([sign, count]) => [sign, number(count) ?? 0]),
      };
    case 'missed':
      return { type: 'missed', count: number(fields(value)['count']) ?? 0 };
    case 'notice': {
      const of = fields(value);
      return {
        type: 'notice',
        notice: {
          act: string(of['act']),
          by: string(of['by']),
          person: string(of['person']),
          name: string(of['name']),
          seconds: number(of['seconds']),
          address: of['address'] === true,
          undo: string(of['undo']) || null,
        },
      };
    }
    case 'sanctions':
      return { type: 'sanctions', sanctions: parseSanctions(value) };
    case 'reconnect':
      return { type: 'reconnect', after: number(fields(value)['after']) ?? 0 };
    case 'error':
      return { type: 'error', refusal: parseRefusal(value, '') };
    default:
      return null;
  }
}

/** Returns what the page says of itself when it connects. */
export function authOf(
  channel: string,
  device: string,
  name: string | null,
  since: string | null,
): Record<string, unknown> {
  return { channel, device, ...(name ? { name } : {}), ...(since ? { since } : {}) };
}

/** Id of the message that an answer accepts. */
export const acceptedId = (answer: unknown): string => string(fields(answer)['id']);

/** Result of an act: words of the server, the mark by which it can be undone, and how many others
 * the ban of an address keeps out (null for other acts). */
export function doneOf(answer: unknown): { note: string; undo: string | null; others: number | null } {
  const of = typeof answer === 'object' && answer !== null ? fields(answer) : {};
  return { note: string(of['note']), undo: string(of['undo']) || null, others: number(of['others']) };
}

/** Returns the identity after taking a name. */
export const namedOf = (answer: unknown): Standing => parseStanding(fields(answer)['me']);
