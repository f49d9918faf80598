/** Deletes what the station has of an upload; rejects where it may still have it. */
export async function remove(url: string): Promise<void> {
  const response = await fetch(url, {
    method: 'DELETE',
    headers: { 'Tus-Resumable': '1.0.0' },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok && response.status !== 404 && response.status !== 410) {
    throw new Error(`${url}: ${response.status}`);
  }
}
