interface Described {
  readonly help: string
  readonly fallback?: string | undefined
}

const LINE_COLUMNS = 120
/** A longer name stands on a line of its own. */
const NAME_COLUMNS = 26
const INDENT = ' '.repeat(NAME_COLUMNS + 3)

/** A settings table as help text: name, meaning, default. */
export function describeSettings(settings: Readonly<Record<string, Described>>): string {
  return Object.entries(settings)
    .map(([name, { help, fallback }]) => {
      const absent = fallback === undefined || fallback === '' ? '' : ` (default ${fallback})`
      const meaning = wrap(`${help}${absent}`, LINE_COLUMNS - INDENT.length).join(`\n${INDENT}`)
      const head =
        name.length > NAME_COLUMNS ? `  ${name}\n${INDENT}` : `  ${name.padEnd(NAME_COLUMNS)} `
      return `${head}${meaning}`
    })
    .join('\n')
}

function wrap(text: string, most: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > most) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}
