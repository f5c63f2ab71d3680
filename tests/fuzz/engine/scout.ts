import { Worker } from 'node:worker_threads'
import type { Guided } from './guide.ts'
import type { Bytes } from './target.ts'
import type { Watched } from './watchdog.ts'

/** The other thread, which runs targets with block coverage. */
export interface Scout {
  guide(target: string, options: { readonly seed: number; readonly most: number }): Promise<Guided>
  /** Block executions that an input costs. */
  steps(target: string, input: Bytes): Promise<number>
  close(): Promise<void>
}

export type Question =
  | {
      readonly kind: 'guide'
      readonly target: string
      readonly seed: number
      readonly most: number
    }
  | { readonly kind: 'steps'; readonly target: string; readonly input: Bytes }
export type Answer =
  | { readonly kind: 'guided'; readonly guided: Guided }
  | { readonly kind: 'steps'; readonly steps: number }

/**
 * Starts at the first question: most runs of few inputs never ask one.
 * @param watched where it notes what it is about to run
 */
export function openScout(watched: Watched | null = null): Scout {
  let worker: Worker | undefined
  const ask = async (question: Question): Promise<Answer> => {
    worker ??= new Worker(new URL('scout-thread.ts', import.meta.url), { workerData: watched })
    const asked = worker
    return new Promise((resolve, reject) => {
      asked.once('error', reject)
      asked.once('message', (answer: Answer) => {
        asked.off('error', reject)
        resolve(answer)
      })
      asked.postMessage(question)
    })
  }
  return {
    guide: async (target, options) => {
      const answer = await ask({ kind: 'guide', target, ...options })
      if (answer.kind !== 'guided') throw new Error('the scout answered something else')
      return answer.guided
    },
    steps: async (target, input) => {
      const answer = await ask({ kind: 'steps', target, input })
      if (answer.kind !== 'steps') throw new Error('the scout answered something else')
      return answer.steps
    },
    close: async () => {
      await worker?.terminate()
    },
  }
}
