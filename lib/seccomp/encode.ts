/** A filter as text, for JSON: base64. */
export function encodeFilter(code: Uint8Array): string {
  return btoa(String.fromCharCode(...code));
}

/** The filter that encodeFilter made a text of. */
export function decodeFilter(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
