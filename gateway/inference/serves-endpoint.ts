import type { LiveRunner } from '../runners/live-runner.ts'
import type { InferencePath } from './endpoints.ts'

/** Whether the runner may be asked at this endpoint: one that says nothing of what it serves refuses by itself. */
export function servesEndpoint({ lease }: LiveRunner, path: InferencePath): boolean {
  return lease.capabilities?.endpoints.includes(path) ?? true
}
