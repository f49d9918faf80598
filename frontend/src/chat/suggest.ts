/** Completions at the caret; pure. */
import type { Key } from '../i18n';

export interface Command {
  name: string;
  /** Text after its name. */
  usage: string;
  help: Key;
}

export const COMMANDS: readonly Command[] = [
  { name: 'timeout', usage: '@name 10m', help: 'chatHelpTimeout' },
  { name: 'untimeout', usage: '@name', help: 'chatHelpUntimeout' },
  { name: 'ban', usage: '@name', help: 'chatHelpBan' },
  { name: 'banaddress', usage: '@name', help: 'chatHelpBanAddress' },
  { name: 'unban', usage: '@name', help: 'chatHelpUnban' },
  { name: 'slow', usage: '30s', help: 'chatHelpSlow' },
  { name: 'members', usage: 'on | off', help: 'chatHelpMembers' },
  { name: 'emoteonly', usage: 'on | off', help: 'chatHelpEmoteOnly' },
  { name: 'guests', usage: 'on | off', help: 'chatHelpGuests' },
  { name: 'links', usage: 'off | mods | all', help: 'chatHelpLinks' },
  { name: 'pin', usage: '', help: 'chatHelpPin' },
  { name: 'unpin', usage: '', help: 'chatHelpUnpin' },
  { name: 'clear', usage: '', help: 'chatHelpClear' },
  { name: 'undo', usage: '', help: 'chatHelpUndo' },
  { name: 'mod', usage: '@name', help: 'chatHelpMod' },
  { name: 'unmod', usage: '@name', help: 'chatHelpUnmod' },
  { name: 'help', usage: '', help: 'chatHelpHelp' },
];

export interface Suggestion {
  /** Text that replaces what was typed. */
  insert: string;
  label: string;
  /** A word more about it. */
  hint: string;
  /** Address of a picture. */
  picture: string | null;
}

export interface Completion {
  from: number;
  to: number;
  kind: 'command' | 'mention' | 'emote';
  typed: string;
}

/** Returns the part before `caret` that can be completed, or null. */
export function completionAt(text: string, caret: number): Completion | null {
  const before = text.slice(0, caret);
  const command = /^\/([a-z]*)$/i.exec(before);
  if (command) return { from: 0, to: caret, kind: 'command', typed: command[1] ?? '' };
  const name = /(?:^|\s)@([\p{L}\p{M}\p{N}_.\u0f0b\u200c\u200d-]{0,32})$/u.exec(before);
  if (name) return { from: caret - (name[1] ?? '').length - 1, to: caret, kind: 'mention', typed: name[1] ?? '' };
  const emote = /(?<![\p{L}\p{M}\p{N}]):([a-zA-Z0-9_]{1,32})$/u.exec(before);
  if (emote) return { from: caret - (emote[1] ?? '').length - 1, to: caret, kind: 'emote', typed: emote[1] ?? '' };
  return null;
}

/** Commands that begin with what was typed; all of them are the moderators'. */
export function commandsFor(typed: string, moderator: boolean): Command[] {
  const wanted = typed.toLowerCase();
  return moderator ? COMMANDS.filter(({ name }) => name.startsWith(wanted)) : [];
}

/** `text` with the completion in its place, and where the caret stands then. */
export function complete(text: string, at: Completion, insert: string): { text: string; caret: number } {
  const caret = at.from + insert.length;
  return { text: text.slice(0, at.from) + insert + text.slice(at.to), caret };
}
