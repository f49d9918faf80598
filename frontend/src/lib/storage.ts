/** Preferences of this browser. Storage can be refused (private windows, embedded frames with
 * partitioned cookies); a preference that cannot be kept is then simply not kept. */
export function recall(name: string): string | null {
  try {
    return localStorage.getItem(`madang.${name}`);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`madang.${name}`);
    else localStorage.setItem(`madang.${name}`, value);
  } catch {
    return;
  }
}

let id: string | null = null;

/** A random id of this browser, by which the station tells people of one network apart. Where
 * nothing can be kept, it is one of this page. */
export function device(): string {
  id ??= recall('chat.device');
  if (id === null) {
    id = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('');
    remember('chat.device', id);
  }
  return id;
}
