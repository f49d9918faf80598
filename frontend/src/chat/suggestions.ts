import { t } from '../i18n';
import type { Room } from './model';
import type { Emote } from './protocol';
import { commandsFor, type Completion, type Suggestion } from './suggest';

/** Suggestions shown at once. */
const MOST = 8;

/** Returns completions for the typed text: commands, people seen lately, emotes. */
export function suggestionsFor(
  at: Completion,
  room: Room,
  emotes: readonly Emote[],
): Suggestion[] {
  switch (at.kind) {
    case 'command':
      return commandsFor(at.typed, room.you?.mayModerate ?? false).map(({ name, usage, help }) => ({
        insert: usage ? `/${name} ` : `/${name}`,
        label: `/${name} ${usage}`.trim(),
        hint: t(help),
        picture: null,
      }));
    case 'mention':
      return room.names(at.typed, MOST).map((name) => ({
        insert: `@${name} `,
        label: `@${name}`,
        hint: '',
        picture: null,
      }));
    case 'emote': {
      const wanted = at.typed.toLowerCase();
      return emotes
        .filter(({ name }) => name.toLowerCase().includes(wanted))
        .slice(0, MOST)
        .map(({ name, url }) => ({ insert: `:${name}: `, label: `:${name}:`, hint: '', picture: url }));
    }
  }
}
