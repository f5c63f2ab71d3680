/** Who would take a place for a model, but stands in the line of another: its first choice. */
export interface SecondChoices<T> {
  add(entry: T): void
  remove(entry: T): void
  /** Those who came first of all who would, not more than are worth asking about one place. */
  of(model: string): readonly T[]
}

/** Like a line, this must not be walked for each free place. */
const MAX_OFFERS = 32

export function createSecondChoices<
  T extends { readonly models: readonly string[] },
>(): SecondChoices<T> {
  const waiting = new Map<string, Set<T>>()
  return {
    add(entry) {
      for (const model of entry.models.slice(1)) {
        waiting.set(model, (waiting.get(model) ?? new Set()).add(entry))
      }
    },
    remove(entry) {
      for (const model of entry.models.slice(1)) {
        const entries = waiting.get(model)
        entries?.delete(entry)
        if (entries?.size === 0) waiting.delete(model)
      }
    },
    of: (model) => [...(waiting.get(model)?.values().take(MAX_OFFERS) ?? [])],
  }
}
