import { type Context, Hono } from 'hono'
import { toSeconds, type UnixMs } from '#base/brand.ts'
import type { AppDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { breakerState } from '../runners/breaker.ts'
import { mayWork } from '../runners/directory.ts'
import { heartbeat } from '../runners/heartbeat.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import { placesOf } from '../runners/load.ts'
import { register } from '../runners/register.ts'
import { faded } from '../runners/score.ts'
import { trackRecordView } from './track-record-view.ts'

/** Evidence with GPUs has about 300 KB per device. */
const MAX_REGISTER_BYTES = 8 * 1024 * 1024
const MAX_HEARTBEAT_BYTES = 16 * 1024

/** What hosts' runners call, and who they are. */
export function runnerRoutes(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { directory, challenges, clock, gatewayName } = deps.runners

  app.post('/v1/runners/challenge', async (context) => {
    const { challenge, expiresAt } = challenges.issue(toSeconds(clock()))
    return context.json({ challenge, gateway: gatewayName, expires_at: expiresAt })
  })

  app.post('/v1/runners/register', async (context) =>
    context.json(await register(deps.runners, await readJson(context, MAX_REGISTER_BYTES))),
  )

  app.post('/v1/runners/heartbeat', async (context) =>
    context.json(await heartbeat(deps.runners, await readJson(context, MAX_HEARTBEAT_BYTES))),
  )

  app.get('/v1/runners', async (context) =>
    context.json({
      object: 'list',
      data: await Promise.all(directory.all().map((runner) => describe(deps, runner))),
    }),
  )

  app.get('/v1/runners/:id', async (context: Context<AppEnv, '/v1/runners/:id'>) => {
    const runner = directory.find(context.req.param('id'))
    if (runner === undefined) {
      throw new ApiError('runner_not_found', 'No runner has a lease under this id')
    }
    return context.json(await describe(deps, runner))
  })
  return app
}

async function describe(deps: AppDeps, runner: LiveRunner) {
  const { catalog, quoteTerms, clock } = deps.inference
  const { records } = deps.runners
  const { lease, standing } = runner
  const now = clock()
  const offer = catalog.find(runner.model)
  const price = offer === undefined ? undefined : quoteTerms(runner, offer).price
  return {
    id: runner.id,
    object: 'runner' as const,
    model: runner.model,
    origin: lease.origin,
    payee: runner.payee,
    state: runner.state,
    available: mayWork(runner, now, toSeconds(now)),
    session_id: lease.session,
    keyset_digest: lease.keysetDigest,
    expires_at: lease.expires,
    attestation: {
      status: standing.status,
      technology: standing.attested.technology,
      image: standing.attested.imageHash,
      tcb: standing.attested.tcb,
      gpus: standing.attested.gpus,
      claims: standing.claims,
      appraised_at: standing.appraised,
      valid_until: standing.validUntil,
    },
    context_length: lease.contextLength,
    max_output_tokens: lease.maxOutputTokens,
    endpoints: lease.capabilities?.endpoints ?? null,
    capacity: placesOf(runner),
    performance: performanceOf(runner, now),
    track_record: trackRecordView(await records.of(runner.id), records),
    pricing:
      price === undefined
        ? null
        : {
            input_nano_per_million: price.input.toString(),
            cached_nano_per_million: price.cached.toString(),
            output_nano_per_million: price.output.toString(),
          },
  }
}

/** What this gateway saw of the runner, as it counts now. */
function performanceOf({ load }: LiveRunner, now: UnixMs) {
  const { firstByteMs, tokensPerSecond, success, breaker } = faded(load.score, now)
  return {
    first_byte_ms: Math.round(firstByteMs),
    tokens_per_second: Math.round(tokensPerSecond),
    success: Number(success.toFixed(4)),
    circuit: breakerState(breaker, now),
    in_flight: load.inFlight,
  }
}
