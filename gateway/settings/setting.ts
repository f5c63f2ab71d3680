export interface Setting<T> {
  /** One line for `.env.example` and `--help`. */
  readonly help: string
  /** Taken when the setting is absent or empty; undefined when absence has a meaning of its own. */
  readonly fallback: string | undefined
  /** @throws RangeError whose message completes "NAME …" */
  readonly parse: (text: string | undefined) => T
}

export const setting = <T>(entry: Setting<T>): Setting<T> => entry
