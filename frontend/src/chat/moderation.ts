import { t, type Key } from '../i18n';
import { need } from '../lib/dom';
import type { Answer, Connection } from './connection';
import { icon, make } from './dom';
import { openMenu, type Choices, type Item } from './menu';
import type { MessageRow, Room, Row } from './model';
import { doneOf, isGuest, type Act, type Message, type Named, type Notice, type Sanction } from './protocol';
import { refusalWords } from './view';
import { waitWords } from './composer';

/** Lengths of a time-out, in seconds, with their key of the dictionary. */
const LENGTHS = [
  [60, 'chatMinute'],
  [600, 'chatTenMinutes'],
  [3_600, 'chatHour'],
  [86_400, 'chatDay'],
  [604_800, 'chatWeek'],
] as const;

/** Choices of slow mode, in seconds. */
const SLOW = [0, 5, 10, 30, 60] as const;

/** Choices for links, with their key of the dictionary. */
const LINKS = [
  ['all', 'chatLinksAll'],
  ['moderators', 'chatLinksModerators'],
  ['off', 'chatLinksOff'],
] as const;

const NOTICES: Readonly<Record<string, Key>> = {
  timeout: 'chatModTimeout',
  untimeout: 'chatModUntimeout',
  ban: 'chatModBan',
  unban: 'chatModUnban',
  delete: 'chatModDelete',
  clear: 'chatModClear',
  undo: 'chatModUndo',
  mod: 'chatModMod',
  unmod: 'chatModUnmod',
};

/** Bans and time-outs in one menu; all of them are in the studio. */
const LIFTED_AT_ONCE = 12;

/** A toast that offers to undo stands this long (ms). */
const TOAST_STANDS = 10_000;

export interface ModerationActs {
  reply: (message: Message) => void;
  mention: (name: string) => void;
  tell: (text: string, tone: 'plain' | 'bad') => void;
}

/** The menu of a message, what moderators do with it, and taking it back. */
export class Moderation {
  readonly #toast: HTMLElement;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly root: HTMLElement,
    private readonly room: Room,
    private readonly connection: Connection,
    private readonly acts: ModerationActs,
  ) {
    this.#toast = need('[data-chat-toast]', root);
  }

  open(row: Row, at: HTMLElement): void {
    if (row.kind === 'message') openMenu(at, row.message.by.name, this.#entries(row, at));
    else if (row.about && this.room.you?.mayModerate) {
      openMenu(at, row.about.name, this.#sanctionEntries(row.about, at));
    }
  }

  /** The rules of the room, to be changed at once. */
  openRules(at: HTMLElement): void {
    const { mode } = this.room;
    const toggle = (act: 'members_only' | 'emote_only' | 'guests', on: boolean, label: string): Item => ({
      icon: on ? 'check' : 'blank',
      label,
      act: () => void this.#do({ act, on: !on }, t('chatRuleChanged')),
    });
    const sanctions = this.room.sanctions(Date.now());
    const held: Item = {
      icon: 'ban',
      label: t('chatSanctions', { n: String(sanctions.length) }),
      act: () => openMenu(at, t('chatSanctionsTitle'), this.#liftEntries(sanctions)),
    };
    openMenu(at, t('chatRules'), [
      {
        icon: 'clock',
        label: t('chatSlow'),
        choices: SLOW.map((seconds) => ({
          label: seconds === 0 ? t('chatSlowOff') : lengthWords(seconds),
          spoken: seconds === 0 ? t('chatSlowOff') : t('chatModeSlow', { n: waitWords(seconds) }),
          act: () => void this.#do({ act: 'slow', seconds }, t('chatRuleChanged')),
        })),
      },
      {
        icon: 'link',
        label: t('chatLinks'),
        choices: LINKS.map(([to, key]) => ({
          label: t(key),
          spoken: t('chatLinksBy', { who: t(key) }),
          act: () => void this.#do({ act: 'links', to }, t('chatRuleChanged')),
        })),
      },
      toggle('members_only', mode.membersOnly, t('chatModeMembers')),
      toggle('emote_only', mode.emoteOnly, t('chatModeEmotes')),
      toggle('guests', mode.guests, t('chatGuestsWrite')),
      ...(sanctions.length ? [held] : []),
      this.#studio(),
      {
        icon: 'trash',
        label: t('chatClear'),
        tone: 'bad',
        act: () => void this.#do({ act: 'clear' }, t('chatClearedByYou')),
      },
    ]);
  }

  remove(row: MessageRow): void {
    if (this.room.you?.mayModerate) void this.#do({ act: 'delete', id: row.message.id }, t('chatDeleted'));
  }

  unpin(): void {
    void this.#do({ act: 'unpin' }, t('chatUnpinned'));
  }

  /** A moderator did something: said in the list of those who keep order. Of what one did oneself
   * it says only what took the person's messages away, whose names led to the menu. */
  heard(notice: Notice): void {
    const away = notice.act === 'ban' || notice.act === 'timeout';
    if (notice.by === this.room.you?.name && !away) return;
    const key = notice.address && notice.act === 'ban' ? 'chatModBanAddress' : NOTICES[notice.act];
    if (!key) return;
    const length = notice.seconds === null ? '' : lengthWords(notice.seconds);
    const about = away ? { id: notice.person, name: notice.name } : null;
    this.room.notice(t(key, { by: notice.by, name: notice.name, length }), 'plain', about);
  }

  /** A line that begins with a slash. */
  async command(text: string): Promise<void> {
    const answer = await this.connection.ask('message', { text });
    // The other notes of the station repeat the command.
    if (answer.ok && /^\/help\b/i.test(text)) this.acts.tell(doneOf(answer.value).note, 'plain');
    else if (answer.ok) {
      const { others } = doneOf(answer.value);
      const done = t('chatCommandDone', { command: text });
      this.#answered(answer, others === null ? done : `${done} ${othersWords(others)}`);
    }
    else this.acts.tell(refusalWords(answer.refusal), 'bad');
  }

  #entries(row: MessageRow, at: HTMLElement): (Item | Choices)[] {
    const { message, own } = row;
    const { by } = message;
    const entries: (Item | Choices)[] = [
      { icon: 'reply', label: t('chatReply'), act: () => this.acts.reply(message) },
    ];
    if (!own) entries.push({ icon: 'at', label: t('chatMentionThem'), act: () => this.acts.mention(by.name) });
    entries.push({ icon: 'copy', label: t('chatCopy'), act: () => void copy(message.text) });
    if (!this.room.you?.mayModerate) return entries;
    entries.push(
      this.room.pinned?.id === message.id
        ? { icon: 'pin', label: t('chatUnpin'), act: () => this.unpin() }
        : {
            icon: 'pin',
            label: t('chatPin'),
            act: () => void this.#do({ act: 'pin', id: message.id }, t('chatPinned')),
          },
      { icon: 'trash', label: t('chatDelete'), tone: 'bad', act: () => this.remove(row) },
    );
    if (own || by.role === 'owner') return entries;
    if (this.room.you.mayManage && (by.role === 'member' || by.role === 'moderator')) {
      const act = by.role === 'moderator' ? 'unmod' : 'mod';
      const done = act === 'mod' ? 'chatIsModerator' : 'chatIsNoModerator';
      entries.push({
        icon: 'shield',
        label: t(act === 'mod' ? 'chatMakeModerator' : 'chatRemoveModerator'),
        act: () => void this.#do({ act, person: by.id }, t(done, { name: by.name })),
      });
    }
    return [...entries, ...this.#sanctionEntries(by, at)];
  }

  /** A time-out and a ban, or lifting the one that is in force. */
  #sanctionEntries(by: Named, at: HTMLElement): (Item | Choices)[] {
    const sanction = this.room.sanctionOn(by.id, Date.now());
    const lift = sanction ? [this.#lift(sanction, false)] : [];
    if (sanction && sanction.until === null) return lift;
    return [
      ...lift,
      {
        icon: 'clock',
        label: t('chatTimeOut'),
        choices: LENGTHS.map(([seconds, key]) => ({
          label: t(key),
          spoken: t('chatTimeOutFor', { name: by.name, length: t(key) }),
          act: () =>
            void this.#do(
              { act: 'timeout', person: by.id, seconds },
              t('chatWasTimedOut', { name: by.name, length: t(key) }),
            ),
        })),
      },
      {
        icon: 'ban',
        label: t('chatBan'),
        tone: 'bad',
        act: () =>
          void this.#do(
            { act: 'ban', person: by.id },
            t('chatWasBanned', { name: by.name }),
          ),
      },
      ...(isGuest(by.id)
        ? [{ icon: 'ban', label: t('chatBanAddress'), tone: 'bad' as const, act: () => void this.#banAddress(by, at) }]
        : []),
    ];
  }

  /** Asks first, as the address is that of others as well. */
  async #banAddress({ id, name }: Named, at: HTMLElement): Promise<void> {
    const act = { act: 'ban', person: id, address: true } as const;
    const answer = await this.connection.ask('moderate', { ...act, dry_run: true } satisfies Act);
    if (!answer.ok) {
      this.acts.tell(refusalWords(answer.refusal), 'bad');
      return;
    }
    openMenu(at.isConnected ? at : this.root, othersWords(doneOf(answer.value).others ?? 0), [
      { icon: 'blank', label: t('chatCancel'), act: () => undefined },
      {
        icon: 'ban',
        label: t('chatBanAddressOf', { name }),
        tone: 'bad',
        act: () => void this.#do(act, t('chatAddressWasBanned', { name })),
      },
    ]);
  }

  /** Whom one may let in again, as far as a menu can show it. */
  #liftEntries(sanctions: readonly Sanction[]): Item[] {
    const items = sanctions.slice(0, LIFTED_AT_ONCE).map((one) => this.#lift(one, true));
    return sanctions.length > items.length ? [...items, this.#studio()] : items;
  }

  /** `named`: the menu is not that person's, so its entry says whose ban it is. */
  #lift(sanction: Sanction, named: boolean): Item {
    const { id, until, address } = sanction;
    const ban = until === null;
    const name = address ? t('chatAddressOf', { name: sanction.name }) : sanction.name;
    const label = named
      ? t(ban ? 'chatLiftBanOf' : 'chatLiftTimeOutOf', { name })
      : t(ban ? 'chatLiftBan' : 'chatLiftTimeOut');
    const done = t(ban ? 'chatBanLifted' : 'chatTimeOutLifted', { name });
    return {
      icon: 'check',
      label,
      act: () => void this.#do({ act: ban ? 'unban' : 'untimeout', person: id }, done),
    };
  }

  #studio(): Item {
    return {
      icon: 'studio',
      label: t('chatStudio'),
      act: () => void window.open(`/studio/@${this.root.dataset['slug']}/chat`, '_blank', 'noopener'),
    };
  }

  async #do(act: Act, done: string): Promise<void> {
    const answer = await this.connection.ask('moderate', act);
    if (answer.ok) this.#answered(answer, done);
    else this.acts.tell(refusalWords(answer.refusal), 'bad');
  }

  #answered(answer: Extract<Answer, { ok: true }>, words: string): void {
    this.#say(words, doneOf(answer.value).undo);
  }

  #say(words: string, undo: string | null): void {
    clearTimeout(this.#timer);
    const away = (): void => this.#toast.replaceChildren();
    this.#toast.replaceChildren(icon('check'), make('span', {}, words));
    if (undo !== null) {
      const button = make('button', { type: 'button', class: 'chat-text-button' }, t('chatUndo'));
      button.addEventListener('click', () => {
        away();
        void this.#do({ act: 'undo', undo }, t('chatUndone'));
      });
      this.#toast.append(button);
    }
    this.#timer = setTimeout(away, TOAST_STANDS);
  }
}

/** Returns words about the others that the ban of an address keeps out. */
function othersWords(others: number): string {
  return others === 0 ? t('chatAddressAlone') : t('chatAddressOthers', { n: String(others) });
}

/** Seconds as the choices of the menu say them, else as a clock does. */
function lengthWords(seconds: number): string {
  const known = LENGTHS.find(([length]) => length === seconds);
  return known ? t(known[1]) : waitWords(seconds);
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // The clipboard exists only in secure contexts; the text can still be selected.
    return;
  }
}
