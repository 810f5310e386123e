/** Text for a person, with each absolute path cut down to its last part: the rest is nobody's business. */
export function withoutDirectories(text: string): string {
  return text.replaceAll(/(?:\/[^\s/'"`,;]+)+\/([^\s/'"`,;]+)/g, '$1');
}
