const CONTROL = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u2028\u2029]/gu

/** Text of a stranger's for a terminal: no escape sequence, line break or reordering mark of theirs reaches it. */
export function printable(text: string): string {
  return text.replace(CONTROL, (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`)
}
