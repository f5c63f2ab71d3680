import type { NanoPerMillion } from '#base/nano.ts'
import type { Prices } from '#protocol'
import type { Identity } from '../accounts/authenticator.ts'
import { ApiError } from '../errors.ts'
import type { KeyRules } from '../ledger/port.ts'
import type { Preferences } from './preferences.ts'
import type { Ask } from './read-ask.ts'

/** @throws ApiError `origin_not_allowed` when the key is for certain pages only; no page at all is none of them */
export function assertOrigin({ rules }: Identity, origin: string | undefined): void {
  if (rules.origins === null || (origin !== undefined && rules.origins.includes(origin))) return
  throw new ApiError('origin_not_allowed', 'This key is for other pages only')
}

/** @throws ApiError `model_not_allowed` */
export function assertModel({ rules }: Identity, model: string): void {
  if (rules.models === null || rules.models.includes(model)) return
  throw new ApiError('model_not_allowed', 'This key is for other models only', { param: 'model' })
}

/** @throws ApiError `price_ceiling` when a runner asks more than the key pays */
export function assertPrice({ rules }: Identity, { input, output }: Prices): void {
  const { maxPrice } = rules
  const isFair =
    (maxPrice.input === null || input <= maxPrice.input) &&
    (maxPrice.output === null || output <= maxPrice.output)
  if (isFair) return
  throw new ApiError('price_ceiling', 'This runner is above the price ceiling of this key')
}

/** What of a request its key may have: the models of its list, at the lower of both ceilings. @throws ApiError */
export function allowedAsk(identity: Identity, ask: Ask): Ask {
  const { models, maxPrice } = identity.rules
  const preferences =
    maxPrice.input === null && maxPrice.output === null
      ? ask.preferences
      : { ...ask.preferences, maxPrice: lower(ask.preferences.maxPrice, maxPrice) }
  if (models === null) return { ...ask, preferences }
  const [first, ...others] = ask.models.filter((model) => models.includes(model))
  if (first === undefined) assertModel(identity, ask.models[0])
  return { ...ask, preferences, models: [first ?? ask.models[0], ...others] }
}

function lower(wished: Preferences['maxPrice'], most: KeyRules['maxPrice']) {
  return { input: least(wished.input, most.input), output: least(wished.output, most.output) }
}

function least(
  wished: NanoPerMillion | undefined,
  most: NanoPerMillion | null,
): NanoPerMillion | undefined {
  if (most === null) return wished
  return wished === undefined || wished > most ? most : wished
}
