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
