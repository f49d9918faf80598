import { t } from '../i18n';
import { find, need, say, show } from '../lib/dom';
import { make } from './dom';
import { steer } from './menu';
import type { Message } from './protocol';
import { complete, completionAt, type Completion, type Suggestion } from './suggest';

/** Signs left from which on the page says how many. */
const COUNT_FROM = 60;
/** A text field grows to this many pixels, then it scrolls. */
const TALLEST = 128;

export interface ComposerOptions {
  send: (text: string, replyTo: Message | null) => void;
  suggest: (completion: Completion) => Suggestion[];
}

/** Form for a message: text, reply, completions, and the seconds left to wait. */
export class Composer {
  readonly #field: HTMLTextAreaElement;
  readonly #button: HTMLButtonElement;
  readonly #reply: HTMLElement;
  readonly #count: HTMLElement;
  readonly #list: HTMLElement;
  #replyTo: Message | null = null;
  #completion: Completion | null = null;
  #suggestions: Suggestion[] = [];
  #chosen = 0;
  #longest = 500;
  #waiting = false;

  constructor(
    private readonly form: HTMLFormElement,
    private readonly options: ComposerOptions,
  ) {
    this.#field = need('[data-chat-field]', form);
    this.#button = need('[data-chat-send]', form);
    this.#reply = need('[data-chat-reply]', form);
    this.#count = need('[data-chat-count]', form);
    this.#list = need('[data-chat-suggestions]', form);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#field.addEventListener('input', () => this.#typed());
    this.#field.addEventListener('keydown', (event) => this.#key(event));
    this.#field.addEventListener('blur', () => setTimeout(() => this.#closeList(), 150));
    find('[data-chat-reply-cancel]', form)?.addEventListener('click', () => {
      this.replyTo(null);
      this.focus();
    });
  }

  set longest(value: number) {
    this.#longest = value;
    this.#typed();
  }

  focus(): void {
    this.#field.focus({ preventScroll: true });
  }

  /** Shows what is answered; null answers nothing. */
  replyTo(message: Message | null): void {
    this.#replyTo = message;
    show(this.#reply, message !== null);
    if (!message) return;
    say(find('[data-chat-reply-name]', this.#reply), t('chatReplyingTo', { name: message.by.name }));
    say(find('[data-chat-reply-text]', this.#reply), message.text);
    this.focus();
  }

  insert(text: string): void {
    const { selectionStart, selectionEnd, value } = this.#field;
    const glue = selectionStart > 0 && !/\s$/.test(value.slice(0, selectionStart)) ? ' ' : '';
    this.#field.setRangeText(`${glue}${text} `, selectionStart, selectionEnd, 'end');
    this.#typed();
    this.focus();
  }

  /** Seconds until one may write again. */
  wait(seconds: number): void {
    this.#waiting = seconds > 0;
    this.form.toggleAttribute('data-waiting', this.#waiting);
    const label = need('[data-chat-wait]', this.form);
    say(label, this.#waiting ? t('chatWait', { n: waitWords(seconds) }) : '');
    show(label, this.#waiting);
    this.#enable();
  }

  set placeholder(text: string) {
    this.#field.placeholder = text;
  }

  #typed(): void {
    const field = this.#field;
    field.style.height = 'auto';
    field.style.height = `${Math.min(TALLEST, field.scrollHeight + 2)}px`;
    const left = this.#longest - [...field.value].length;
    show(this.#count, left <= COUNT_FROM);
    say(this.#count, left <= COUNT_FROM ? String(left) : '');
    this.#count.toggleAttribute('data-over', left < 0);
    this.#enable();
    this.#offer();
  }

  #enable(): void {
    const length = [...this.#field.value].length;
    this.#button.disabled = this.#waiting || !this.#field.value.trim() || length > this.#longest;
  }

  #send(): void {
    if (this.#button.disabled) return;
    const text = this.#field.value.trim();
    this.#field.value = '';
    this.#typed();
    const replyTo = this.#replyTo;
    this.replyTo(null);
    this.options.send(text, replyTo);
  }

  #key(event: KeyboardEvent): void {
    // While an input method composes a syllable, Enter and arrows belong to it.
    if (event.isComposing || event.keyCode === 229) return;
    if (this.#completion && this.#suggestions.length) {
      const vertical = event.key === 'ArrowUp' || event.key === 'ArrowDown';
      const to = vertical ? steer(event.key, this.#chosen, this.#suggestions.length) : null;
      if (to !== null) {
        this.#chosen = to;
        this.#drawList();
      } else if (event.key === 'Tab' || (event.key === 'Enter' && !this.#typedInFull())) {
        this.#accept(this.#chosen);
      } else if (event.key === 'Escape') {
        this.#closeList();
      } else {
        if (event.key === 'Enter') this.#sendOnEnter(event);
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.key === 'Enter') this.#sendOnEnter(event);
    else if (event.key === 'Escape' && this.#replyTo) this.replyTo(null);
  }

  #sendOnEnter(event: KeyboardEvent): void {
    if (event.shiftKey) return;
    event.preventDefault();
    this.#closeList();
    this.#send();
  }

  /** True if Enter has nothing left to complete. */
  #typedInFull(): boolean {
    const chosen = this.#suggestions[this.#chosen];
    const typed = this.#field.value.slice(this.#completion?.from, this.#completion?.to);
    return chosen?.insert.trim() === typed;
  }

  #offer(): void {
    const { value, selectionStart, selectionEnd } = this.#field;
    const at = selectionStart === selectionEnd ? completionAt(value, selectionStart) : null;
    this.#completion = at;
    this.#suggestions = at ? this.options.suggest(at) : [];
    this.#chosen = 0;
    this.#drawList();
  }

  #closeList(): void {
    this.#completion = null;
    this.#suggestions = [];
    this.#drawList();
  }

  #drawList(): void {
    const open = this.#suggestions.length > 0;
    show(this.#list, open);
    this.#field.setAttribute('aria-expanded', String(open));
    this.#list.replaceChildren(
      ...this.#suggestions.map((suggestion, index) => {
        const option = make(
          'div',
          {
            role: 'option',
            id: `${this.#list.id}-${index}`,
            class: 'chat-suggestion',
            'aria-selected': String(index === this.#chosen),
          },
          suggestion.picture
            ? make('img', { src: suggestion.picture, alt: '', class: 'chat-emote' })
            : '',
          make('span', { class: 'chat-suggestion-label' }, suggestion.label),
          make('span', { class: 'chat-suggestion-hint' }, suggestion.hint),
        );
        // Not click: the field must not lose its focus first.
        option.addEventListener('pointerdown', (event) => {
          event.preventDefault();
          this.#accept(index);
        });
        return option;
      }),
    );
    if (open) {
      this.#field.setAttribute('aria-activedescendant', `${this.#list.id}-${this.#chosen}`);
      this.#list.children[this.#chosen]?.scrollIntoView({ block: 'nearest' });
    } else {
      this.#field.removeAttribute('aria-activedescendant');
    }
  }

  #accept(index: number): void {
    const suggestion = this.#suggestions[index];
    if (!suggestion || !this.#completion) return;
    const { text, caret } = complete(this.#field.value, this.#completion, suggestion.insert);
    this.#field.value = text;
    this.#field.setSelectionRange(caret, caret);
    this.#typed();
  }
}

/** "9 s" or "2:05". */
export function waitWords(seconds: number): string {
  if (seconds < 60) return t('seconds', { n: seconds });
  const rest = String(seconds % 60).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest}`;
}

