/**
 * The thread that looks at targets with block coverage. V8 counts only in code that was compiled after the counting
 * began, and counted code is half as fast: so the targets are read here a second time, and run elsewhere without.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { countSteps } from './coverage.ts'
import { guide } from './guide.ts'
import type { Answer, Question } from './scout.ts'
import type { FuzzTarget } from './target.ts'
import { outcomeOf } from './trial.ts'
import { noteTo } from './watchdog.ts'

const { allTargets } = await import('../targets/index.ts')
const targets = new Map((await allTargets()).map((target) => [target.name, target]))
const note = workerData === null ? undefined : noteTo(workerData)

// Sound: only `openScout` posts to this thread.
parentPort?.on('message', (asked: Question) => {
  answer(asked).then(
    (answered) => parentPort?.postMessage(answered),
    (error: unknown) => {
      throw error
    },
  )
})

async function answer(question: Question): Promise<Answer> {
  const target = named(question.target)
  if (question.kind === 'steps') {
    return { kind: 'steps', steps: await countSteps(() => outcomeOf(target, question.input)) }
  }
  const { seed, most } = question
  const onInput = (input: Uint8Array): void => note?.(target.name, input)
  return { kind: 'guided', guided: await guide(target, { seed, most, onInput }) }
}

function named(name: string): FuzzTarget {
  const target = targets.get(name)
  if (target === undefined) throw new Error(`no target is named ${name}`)
  return target
}
