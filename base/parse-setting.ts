/** What parsers of settings are made of. Each throws a RangeError whose message completes "NAME …" and holds no value. */

export function required<T>(parse: (text: string) => T): (text: string | undefined) => T {
  return (text) => {
    if (text === undefined) throw new RangeError('is missing')
    return parse(text)
  }
}

export function optional<T>(
  parse: (text: string) => T,
): (text: string | undefined) => T | undefined {
  return (text) => (text === undefined ? undefined : parse(text))
}

export function matching(pattern: RegExp, rule: string): (text: string) => string {
  return (text) => {
    if (!pattern.test(text)) throw new RangeError(rule)
    return text
  }
}
