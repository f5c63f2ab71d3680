import type { RunnersDeps } from './deps.ts'
import type { Score } from './score.ts'

const saved = new WeakSet<Score>()

/** Writes what changed since the last time: a score is immutable, so that the same object is the same score. */
export function saveScores({ directory, store }: Pick<RunnersDeps, 'directory' | 'store'>): void {
  const changed = directory.all().filter(({ load }) => !saved.has(load.score))
  store.saveScores(changed)
  for (const { load } of changed) saved.add(load.score)
}
