import { Hono } from 'hono'
import { formatTon, nano } from '#base/nano.ts'
import type { Capabilities, Prices } from '#protocol'
import type { AppDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import type { ModelOffer } from '../inference/catalog.ts'
import { developerPrices } from '../inference/terms.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import { readDisplay } from './display.ts'

const BASE_COEFFICIENT_BPS = 10_000
const TOKENS = 1_000_000n

/** What is on sale. */
export function modelRoutes(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { catalog } = deps

  app.get('/v1/models', async (context) => {
    const display = await readDisplay(deps.rates)
    const { ticker, usd } = display
    const data = catalog.all().map((offer) => describe(deps, offer, display))
    return context.json({ object: 'list', data, display: { ticker, usd } })
  })

  // Ids hold slashes, raw or encoded.
  app.get('/v1/models/:id{.+}', async (context) => {
    const offer = catalog.find(context.req.param('id'))
    if (offer === undefined) {
      throw new ApiError(
        'model_not_found',
        'The model does not exist or is not offered here: GET /v1/models lists what is',
        {
          param: 'model',
        },
      )
    }
    return context.json(describe(deps, offer, await readDisplay(deps.rates)))
  })
  return app
}

type Display = Awaited<ReturnType<typeof readDisplay>>

function describe(deps: AppDeps, offer: ModelOffer, { dollars }: Display) {
  const { directory, clock, quoteTerms, takesPlaintext } = deps.inference
  const runners = directory.eligible(offer.id, clock())
  const prices = runners.map((runner) => quoteTerms(runner, offer).price)
  const cheapest =
    prices.toSorted((a, b) => Number(a.output - b.output))[0] ??
    developerPrices(offer.base, BASE_COEFFICIENT_BPS, deps.commissionBps)
  return {
    id: offer.id,
    object: 'model' as const,
    created: offer.created,
    owned_by: 'cocoon',
    name: offer.name,
    demonstration: offer.demonstration,
    context_length: most(runners, ({ lease }) => lease.contextLength),
    max_output_tokens: most(runners, ({ lease }) => lease.maxOutputTokens),
    pricing: pricingOf(cheapest),
    /** Dollars per million tokens, for people to read; null without a rate. */
    pricing_usd: {
      input: dollars(nano(cheapest.input)),
      cached: dollars(nano(cheapest.cached)),
      output: dollars(nano(cheapest.output)),
    },
    commission_bps: deps.commissionBps,
    confidentiality: {
      modes: ['end-to-end', 'sealed', ...(takesPlaintext() ? ['gateway'] : [])],
      attestation: [...new Set(runners.map(({ standing }) => standing.status))],
      tee: [...new Set(runners.map(({ standing }) => standing.attested.technology))],
    },
    runners: runners.length,
    ...common(runners),
  }
}

const NOTHING: Capabilities = { endpoints: [], supported_parameters: [], input_modalities: [] }

/** What a request may count on, whichever runner it meets: what all of them say that they do. */
function common(runners: readonly LiveRunner[]): Capabilities {
  const said = runners.map(({ lease }) => lease.capabilities ?? NOTHING)
  const [first = NOTHING, ...others] = said
  const shared = <Name>(of: (said: Capabilities) => readonly Name[]): readonly Name[] =>
    of(first).filter((name) => others.every((other) => of(other).includes(name)))
  return {
    endpoints: shared(({ endpoints }) => endpoints),
    supported_parameters: shared(({ supported_parameters }) => supported_parameters),
    input_modalities: shared(({ input_modalities }) => input_modalities),
  }
}

function most(runners: readonly LiveRunner[], of: (runner: LiveRunner) => number): number | null {
  return runners.length === 0 ? null : Math.max(...runners.map(of))
}

/** nanoTON per million tokens, and OpenRouter's members: TON per token. */
function pricingOf(prices: Prices) {
  return {
    input_nano_per_million: prices.input.toString(),
    cached_nano_per_million: prices.cached.toString(),
    output_nano_per_million: prices.output.toString(),
    prompt: perToken(prices.input),
    input_cache_read: perToken(prices.cached),
    completion: perToken(prices.output),
  }
}

const PER_TOKEN_DIGITS = 15

/** TON per token, exactly: nanoTON per million tokens is 10^-15 TON. */
function perToken(price: bigint): string {
  const whole = price / (TOKENS * 1_000_000_000n)
  const rest = price % (TOKENS * 1_000_000_000n)
  const digits = rest.toString().padStart(PER_TOKEN_DIGITS, '0').replace(/0+$/, '')
  return digits === '' ? formatTon(nano(whole * 1_000_000_000n)) : `${whole}.${digits}`
}
