/** Text of a message, cut into pieces that the page shows differently. */

export type Piece =
  | { kind: 'text'; text: string }
  | { kind: 'link'; text: string; href: string }
  | { kind: 'mention'; text: string; name: string }
  | { kind: 'emote'; text: string; name: string };

const PIECES = /(https?:\/\/[^\s<>"']+)|(?<![\p{L}\p{M}\p{N}_.@/-])@([\p{L}\p{N}_][\p{L}\p{M}\p{N}_.\u0f0b\u200c\u200d-]{0,31})|:([a-zA-Z0-9_]{2,32}):/gu;
/** Signs that end a sentence rather than an address. */
const TRAILING = /[.,;:!?…。、)\]}'"]+$/u;
const LONGEST_SHOWN = 48;

/** Cuts `text`; `emotes` says which names between colons are pictures. */
export function pieces(text: string, emotes: { has(name: string): boolean }): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  const add = (piece: Piece, start: number, end: number): void => {
    if (start > from) found.push({ kind: 'text', text: text.slice(from, start) });
    found.push(piece);
    from = end;
  };
  PIECES.lastIndex = 0;
  for (let match = PIECES.exec(text); match; match = PIECES.exec(text)) {
    const [whole, link, mention, emote] = match;
    const start = match.index;
    if (link !== undefined) {
      const address = trimLink(link);
      const href = safeHref(address);
      if (href) add({ kind: 'link', text: shortLink(address), href }, start, start + address.length);
      PIECES.lastIndex = Math.max(start + address.length, start + 1);
    } else if (mention !== undefined) {
      const name = mention.replace(/[.-]+$/, '');
      add({ kind: 'mention', text: `@${name}`, name }, start, start + 1 + name.length);
    } else if (emote !== undefined && emotes.has(emote)) {
      add({ kind: 'emote', text: whole, name: emote }, start, start + whole.length);
    } else {
      // The colon that ends what is no emote may begin the next.
      PIECES.lastIndex = start + 1;
    }
  }
  if (from < text.length) found.push({ kind: 'text', text: text.slice(from) });
  return found;
}

/** Keeps a closing bracket that the address itself opened, as addresses of encyclopedias do. */
function trimLink(link: string): string {
  let trimmed = link.replace(TRAILING, '');
  while (link[trimmed.length] === ')' && count(trimmed, '(') > count(trimmed, ')')) trimmed += ')';
  return trimmed;
}

const count = (text: string, sign: string): number => text.split(sign).length - 1;

function safeHref(address: string): string | null {
  try {
    const url = new URL(address);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}

function shortLink(address: string): string {
  const bare = address.replace(/^https?:\/\/(www\.)?/, '').replace(/\/$/, '');
  return bare.length > LONGEST_SHOWN ? `${bare.slice(0, LONGEST_SHOWN - 1)}…` : bare;
}

const normal = (name: string): string => name.normalize('NFKC').toLocaleLowerCase('und');

/** True if `text` mentions `name`, in any case. */
export function mentions(text: string, name: string): boolean {
  if (!name) return false;
  const wanted = normal(name);
  return pieces(text, { has: () => false }).some(
    (piece) => piece.kind === 'mention' && normal(piece.name) === wanted,
  );
}

/** True if the message is nothing but a few emotes, which may then be shown larger. */
export function onlyEmotes(found: readonly Piece[]): boolean {
  const emotes = found.filter(({ kind }) => kind === 'emote').length;
  return (
    emotes > 0 && emotes <= 6 && found.every((p) => p.kind === 'emote' || !p.text.trim())
  );
}
