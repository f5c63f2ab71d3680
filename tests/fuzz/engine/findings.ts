import type { Bytes } from './target.ts'

/** An input that a parser handles wrongly. */
export interface Finding {
  readonly why: string
  readonly input: Bytes
}

export interface Findings {
  note(why: string | undefined, input: Bytes): void
  all(): readonly Finding[]
  /** No more are needed to know that this parser is to be mended first. */
  readonly full: boolean
}

const MOST_FINDINGS = 16

/** One of each kind is enough. */
export function createFindings(known: readonly Finding[] = []): Findings {
  const found = new Map(known.map((finding) => [placeOf(finding.why), finding]))
  return {
    note: (why, input) => {
      if (why === undefined || found.size >= MOST_FINDINGS) return
      const place = placeOf(why)
      if (!found.has(place)) found.set(place, { why, input })
    },
    all: () => [...found.values()],
    get full() {
      return found.size >= MOST_FINDINGS
    },
  }
}

/** Texts of errors quote the input: those that come from one place are one finding. */
function placeOf(why: string): string {
  return /\((?:file:)?[^)]*\)|file:\S+/.exec(why)?.[0] ?? why
}
