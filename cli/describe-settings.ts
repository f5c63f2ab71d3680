interface Described {
  readonly help: string
  readonly fallback?: string | undefined
}

const NAME_COLUMNS = 26

/** A settings table as help text: name, meaning, default. */
export function describeSettings(settings: Readonly<Record<string, Described>>): string {
  return Object.entries(settings)
    .map(([name, { help, fallback }]) => {
      const absent = fallback === undefined || fallback === '' ? '' : ` (default ${fallback})`
      return `  ${name.padEnd(NAME_COLUMNS)} ${help}${absent}`
    })
    .join('\n')
}
