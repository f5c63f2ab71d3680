import type { RunnersDeps } from './deps.ts'
import type { Score } from './score.ts'

const saved = new WeakSet<Score>()

/** Writes what changed since the last time: a score is immutable, so that the same object is the same score. */
export async function saveScores({
  directory,
  store,
}: Pick<RunnersDeps, 'directory' | 'store'>): Promise<void> {
  const changed = directory
    .all()
    .map(({ id, load }) => ({ id, score: load.score }))
    .filter(({ score }) => !saved.has(score))
  await store.saveScores(changed)
  for (const { score } of changed) saved.add(score)
}
