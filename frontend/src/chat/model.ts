import type { Message, Mode, Named, Presence, Sanction, Sanctions, Standing, Welcome } from './protocol';
import { mentions } from './text';

/** Rows kept on a page: a busy evening, and no more memory than a few pictures take. */
export const KEPT = 10_000;
/** Rows beyond it go in one sweep, so that a full list is not cut at every message. */
const SLACK = 500;
/** Messages older than this (ms) are in the station's database, if they are anywhere. */
const SETTLED = 10_000;

export type Row =
  | {
      kind: 'message';
      key: string;
      message: Message;
      /** `failed` was refused, or nobody knows whether it arrived. */
      state: 'sent' | 'sending' | 'failed';
      error: string;
      own: boolean;
      mentioned: boolean;
    }
  | {
      kind: 'notice';
      key: string;
      text: string;
      tone: 'plain' | 'good' | 'bad';
      /** Whom it tells of, where a moderator may want to do something about them. */
      about: Named | null;
    };

export type MessageRow = Extract<Row, { kind: 'message' }>;

export const CALM: Mode = {
  slow: 0,
  membersOnly: false,
  emoteOnly: false,
  links: 'all',
  guests: true,
};

/** State of a chat on a page. Times are milliseconds since 1970 and come from outside. */
export class Room {
  #rows: Row[] = [];
  #known = new Set<string>();
  #notices = 0;
  #since: string | null = null;
  #sentAt: number | null = null;
  #sanctions = new Map<string, Sanction>();
  #retryAt = 0;
  mode: Mode = CALM;
  you: Standing | null = null;
  pinned: Message | null = null;
  presence: Presence = { viewers: null, people: null };
  /** Messages that came while the reader looked elsewhere. */
  unread = 0;
  following = true;

  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** Id of the newest message, for taking up where a broken connection ended. */
  get since(): string | null {
    return this.#since;
  }

  /** Adds what the server sent, each message once; returns those that are new. */
  receive(messages: readonly Message[]): MessageRow[] {
    const added: MessageRow[] = [];
    const answered = new Set<string>();
    for (const message of messages) {
      if (this.#known.has(message.id)) continue;
      this.#known.add(message.id);
      if (message.restored) {
        this.#restore(message);
        continue;
      }
      this.#since = message.id;
      const own = this.#isOwn(message);
      const key = own && message.nonce ? message.nonce : message.id;
      if (own && message.nonce) answered.add(message.nonce);
      const mentioned =
        !own &&
        (mentions(message.text, this.you?.name ?? '') ||
          (message.replyTo !== null && message.replyTo.by === this.you?.name));
      added.push({ kind: 'message', key, message, state: 'sent', error: '', own, mentioned });
    }
    if (!added.length) return added;
    const settled = this.#rows.filter(({ key }) => !answered.has(key));
    const waiting = settled.filter((row) => row.kind === 'message' && row.state !== 'sent');
    const rest = waiting.length ? settled.filter((row) => !waiting.includes(row)) : settled;
    this.#rows = [...rest, ...added, ...waiting];
    if (!this.following) this.unread += added.filter(({ own }) => !own).length;
    this.#trim();
    return added;
  }

  /** Takes the last messages as the API tells them: adds what is new, and removes what is missing
   * among them. Of the last seconds some may not be written yet. */
  polled(messages: readonly Message[]): MessageRow[] {
    const [first, last] = [messages[0], messages.at(-1)];
    const told = new Set(messages.map(({ id }) => id));
    const gone = this.#rows.flatMap((row) => {
      if (row.kind !== 'message' || row.state !== 'sent' || !first || !last) return [];
      const { id, at } = row.message;
      return id >= first.id && at < last.at - SETTLED && !told.has(id) ? [id] : [];
    });
    if (gone.length) this.remove(gone);
    return this.receive(messages);
  }

  /** Shows a message of one's own before the server has it. */
  send(nonce: string, text: string, replyTo: Message | null, now: number): void {
    const you = this.you;
    if (!you) return;
    const quote = replyTo && { id: replyTo.id, by: replyTo.by.name, text: replyTo.text };
    this.#rows = [
      ...this.#rows,
      {
        kind: 'message',
        key: nonce,
        message: {
          id: '',
          at: now,
          by: { id: you.id, name: you.name, role: you.role, hue: you.hue },
          text,
          replyTo: quote,
          nonce,
          restored: false,
        },
        state: 'sending',
        error: '',
        own: true,
        mentioned: false,
      },
    ];
    this.#sentAt = now;
  }

  /** The server took it. The message itself comes with everybody's. */
  accepted(nonce: string, id: string): void {
    this.#change(nonce, (row) =>
      this.#known.has(id) ? null : { ...row, message: { ...row.message, id }, error: '' },
    );
  }

  /** The server refused it, or the connection broke before its answer. */
  refused(nonce: string, error: string, retryAt: number | null = null): void {
    this.#change(nonce, (row) => ({ ...row, state: 'failed', error }));
    this.#sentAt = null;
    if (retryAt !== null) this.#retryAt = Math.max(this.#retryAt, retryAt);
  }

  /** Sends again what failed: back to waiting. */
  retry(nonce: string, now: number): MessageRow | null {
    let found: MessageRow | null = null;
    this.#change(nonce, (row) => (found = { ...row, state: 'sending', error: '' }));
    this.#sentAt = now;
    return found;
  }

  /** Takes away a row that is only on this page. */
  discard(key: string): void {
    this.#rows = this.#rows.filter((row) => row.key !== key);
  }

  /** Messages that wait for the server's answer. */
  sending(): MessageRow[] {
    return this.#rows.filter(
      (row): row is MessageRow => row.kind === 'message' && row.state === 'sending',
    );
  }

  notice(text: string, tone: 'plain' | 'good' | 'bad' = 'plain', about: Named | null = null): void {
    this.#notices += 1;
    const key = `notice-${this.#notices}`;
    this.#rows = [...this.#rows, { kind: 'notice', key, text, tone, about }];
    this.#trim();
  }

  /** Takes deleted messages away, and what they were pinned or quoted as. */
  remove(ids: readonly string[]): void {
    const gone = new Set(ids);
    for (const id of ids) this.#known.delete(id);
    this.#rows = this.#rows.filter((row) => row.kind === 'notice' || !gone.has(row.message.id));
    if (this.pinned && gone.has(this.pinned.id)) this.pinned = null;
  }

  /** Takes away every message of a person, or of everybody. */
  clear(person: string | null): void {
    const stays = ({ message }: MessageRow): boolean =>
      person !== null && message.by.id !== person;
    this.#rows = this.#rows.filter((row) => {
      if (row.kind === 'notice') return person !== null;
      // The server has not judged messages under way.
      if (row.state !== 'sent' || stays(row)) return true;
      this.#known.delete(row.message.id);
      return false;
    });
    if (this.pinned && (person === null || this.pinned.by.id === person)) this.pinned = null;
    if (person === null) this.unread = 0;
  }

  /** Begins, or goes on where a broken connection ended. */
  welcome(welcome: Welcome): void {
    if (!welcome.recovered || welcome.gap) {
      this.#rows = this.#rows.filter((row) => row.kind === 'message' && row.state !== 'sent');
      this.#known.clear();
      this.#since = null;
      this.unread = 0;
    }
    this.#sanctions.clear(); // a moderator's page is told of them next
    this.you = welcome.you;
    this.mode = welcome.mode;
    this.pinned = welcome.pinned;
    this.presence = welcome.presence;
  }

  /** Applies bans and time-outs, as the page of a moderator is told them. */
  sanctioned({ all, given, lifted }: Sanctions): void {
    if (all) this.#sanctions.clear();
    for (const id of [...lifted, ...given.map((one) => one.id)]) this.#sanctions.delete(id);
    for (const one of given) this.#sanctions.set(one.id, one);
  }

  /** Bans and time-outs in force, the newest first. */
  sanctions(now: number): Sanction[] {
    const holding = [...this.#sanctions.values()].filter(({ until }) => until === null || until > now);
    return holding.reverse();
  }

  /** Ban or time-out in force on somebody, or on their address. */
  sanctionOn(person: string, now: number): Sanction | undefined {
    return this.sanctions(now).find(({ id, address }) => id === person || (address && person.startsWith(id)));
  }

  follow(following: boolean): void {
    this.following = following;
    if (following) this.unread = 0;
  }

  find(id: string): MessageRow | null {
    return (
      this.#rows.find((row): row is MessageRow => row.kind === 'message' && row.message.id === id) ??
      null
    );
  }

  /** Names seen lately, the latest first, each once; for completing a mention. */
  names(prefix: string, most: number): string[] {
    const wanted = prefix.toLocaleLowerCase();
    const found = new Set<string>();
    for (let index = this.#rows.length - 1; index >= 0 && found.size < most; index -= 1) {
      const row = this.#rows[index];
      if (row?.kind !== 'message' || row.own) continue;
      if (row.message.by.name.toLocaleLowerCase().startsWith(wanted)) found.add(row.message.by.name);
    }
    return [...found];
  }

  /** Whole seconds until one may write again: slow mode, a time-out, or what a refusal said. */
  secondsToWait(now: number): number {
    const you = this.you;
    const slow =
      this.#sentAt !== null && !you?.mayModerate ? this.#sentAt + this.mode.slow * 1_000 : 0;
    const until = Math.max(slow, this.#retryAt, you?.reason === 'timed_out' ? (you.until ?? 0) : 0);
    return Math.max(0, Math.ceil((until - now) / 1_000));
  }

  /** Programs behind one address are one person to the server: the name tells them apart. */
  #isOwn({ by }: Message): boolean {
    return by.id !== '' && by.id === this.you?.id && by.name === this.you.name;
  }

  /** Puts a message back to where its id stands among the others. */
  #restore(message: Message): void {
    const after = this.#rows.findIndex(
      (row) => row.kind === 'message' && (row.state !== 'sent' || row.message.id > message.id),
    );
    const index = after < 0 ? this.#rows.length : after;
    const own = this.#isOwn(message);
    this.#rows = this.#rows.slice();
    this.#rows.splice(index, 0, {
      kind: 'message',
      key: message.id,
      message,
      state: 'sent',
      error: '',
      own,
      mentioned: !own && mentions(message.text, this.you?.name ?? ''),
    });
  }

  #change(key: string, change: (row: MessageRow) => MessageRow | null): void {
    const index = this.#rows.findIndex((row) => row.key === key);
    const row = this.#rows[index];
    if (row?.kind !== 'message' || row.state === 'sent') return;
    const changed = change(row);
    this.#rows = this.#rows.slice();
    this.#rows.splice(index, 1, ...(changed ? [changed] : []));
  }

  #trim(): void {
    if (this.#rows.length <= KEPT + SLACK) return;
    const gone = this.#rows.slice(0, this.#rows.length - KEPT);
    for (const row of gone) if (row.kind === 'message') this.#known.delete(row.message.id);
    this.#rows = this.#rows.slice(-KEPT);
  }
}
