import { codeOf } from '../log.ts'
import { saveScores } from '../runners/save-scores.ts'
import type { Backing } from './backing.ts'
import type { Built } from './build.ts'
import type { HttpServer } from './http-server.ts'
import type { RunningJobs } from './run-jobs.ts'
import type { NodeOrigins } from './runner-origins.ts'
import type { Tunnels } from './tunnel/tunnels.ts'
import type { NodeUpstream } from './upstream.ts'

interface GatewayParts {
  readonly built: Built
  readonly server: HttpServer
  readonly origins: NodeOrigins
  readonly jobs: RunningJobs
  readonly upstream: NodeUpstream
  readonly tunnels: Tunnels
  readonly backing: Backing
  readonly closing: AbortController
  /** Ends calls to providers. */
  readonly leaving: AbortController
}

/** A provider that hangs would keep a job, with all that it tries again, for more than a minute. */
const JOBS_MS = 2_000

/** The books first: nothing that a next start can do without keeps it from being written, or the rest from being closed. */
export async function stopGateway(parts: GatewayParts, drainMs: number): Promise<void> {
  const { inference, runners } = parts.built.app
  parts.closing.abort()
  inference.waiting.close()
  await Promise.all([parts.server, parts.origins, parts.tunnels].map((part) => part.close(drainMs)))
  await closeJobs(parts)
  await inference.pending.drained()
  await inference.unwritten.writeAll()
  await saveScores(runners).catch((error: unknown) => {
    runners.log('warn', 'scores not saved', { code: codeOf(error) })
  })
  await parts.upstream.close()
  await parts.backing.close()
}

async function closeJobs({ jobs, backing, leaving }: GatewayParts): Promise<void> {
  const leave = setTimeout(() => {
    leaving.abort()
    backing.leave?.()
  }, JOBS_MS)
  await jobs.close()
  clearTimeout(leave)
}
