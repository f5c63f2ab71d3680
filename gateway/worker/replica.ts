import { type Clock, toSeconds, type UnixMs } from '#base/brand.ts'
import type { Hashes } from '#protocol'
import type { ModelOffer, Offers } from '../inference/catalog.ts'
import { mayWork, type Runners } from '../runners/directory.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import { newLoad } from '../runners/load.ts'
import { type LeasedRunner, openLeasedRunner } from '../runners/runner-view.ts'
import { newTally } from '../runners/tally.ts'
import type { Objects, PlaceReport, RouteView, RunnerTally } from './objects.ts'

/** How long a model's runners are used without asking again: a revocation bites so much later at most. */
const FRESH_MS = 2_000
/** While one request asks, others go on with what is known, up to this age. */
const STALE_MS = 10_000
/** The list of models on sale. */
const MODELS_MS = 10_000
const MAX_OWNERS = 10_000

/** A place's copy of the market: runners and offers of the models that it was asked for. */
export interface Replica extends Runners {
  readonly offers: Offers
  /** What is under way here, and what became of requests since the last call. */
  underWay(): Pick<PlaceReport, 'inFlight' | 'tallies'>
}

interface Model {
  /** A runner of it has failed since. */
  isSuspect: boolean
  asked: UnixMs
  known: UnixMs
  offer: ModelOffer | undefined
  runners: ReadonlyMap<string, Copy>
}

interface Copy {
  readonly leased: LeasedRunner
  readonly live: LiveRunner
  /** Part of `live.load.inFlight` that other places have under way. */
  readonly elsewhere: number
}

/**
 * @param place names this place, at random
 * @param objects makes stubs for the request that asks
 */
export function createReplica(deps: {
  readonly place: string
  readonly objects: Objects
  readonly clock: Clock
  readonly hashes: Hashes
}): Replica {
  const { place, objects, clock, hashes } = deps
  const models = new Map<string, Model>()
  const owners = new Map<string, string>()
  let onSale: { readonly at: UnixMs; readonly ids: ReadonlySet<string> } | undefined

  async function prepareModel(id: string): Promise<void> {
    const now = clock()
    const model = models.get(id)
    const isSuspect = model?.isSuspect === true
    if (model !== undefined && !isSuspect && now - model.known < FRESH_MS) return
    const isAsked = model !== undefined && !isSuspect && now - model.asked < FRESH_MS
    if (isAsked && now - model.known < STALE_MS) return
    if (model === undefined && !(await isOnSale(id))) return
    if (model !== undefined) model.asked = now
    const inFlight = Object.fromEntries(
      [...(model?.runners ?? [])].map(([runner, copy]) => [
        runner,
        copy.live.load.inFlight - copy.elsewhere,
      ]),
    )
    const view = await objects.route(id).look({ model: id, place, inFlight, isSuspect })
    const runners = merge(models.get(id)?.runners, view)
    models.set(id, { isSuspect: false, asked: now, known: now, offer: view.offer, runners })
  }

  /** A made-up name makes no object (M17). */
  async function isOnSale(id: string): Promise<boolean> {
    if (onSale === undefined || clock() - onSale.at > MODELS_MS) {
      onSale = { at: clock(), ids: new Set(await objects.market().models()) }
    }
    return onSale.ids.has(id)
  }

  function merge(before: Model['runners'] | undefined, view: RouteView): Model['runners'] {
    return new Map(
      view.runners.map((leased) => {
        const { id } = leased.runner
        const elsewhere = view.elsewhere[id] ?? 0
        return [id, copyOf(before?.get(id), leased, elsewhere)]
      }),
    )
  }

  /** The same lease stays the same object: sessions and terms hang on it. */
  function copyOf(old: Copy | undefined, leased: LeasedRunner, elsewhere: number): Copy {
    const load = old?.live.load ?? newLoad(leased.seen)
    load.inFlight += elsewhere - (old?.elsewhere ?? 0)
    load.seen = leased.seen
    const isSame = old?.leased.lease.at === leased.lease.at
    const live =
      old !== undefined && isSame
        ? { ...old.live, state: leased.runner.state, standing: leased.standing }
        : openLeasedRunner(leased, { load, hashes })
    return { leased, live, elsewhere }
  }

  async function prepareRunner(id: string): Promise<void> {
    const model = owners.get(id) ?? (await objects.market().modelOf(id))
    if (model === undefined) return
    // One runner id is one model on one machine, for good.
    if (owners.size >= MAX_OWNERS) owners.clear()
    owners.set(id, model)
    await prepareModel(model)
  }

  function* live(): Iterable<LiveRunner> {
    for (const { runners } of models.values()) for (const copy of runners.values()) yield copy.live
  }

  return {
    offers: { find: (id) => models.get(id)?.offer },
    prepare: (about) =>
      'model' in about ? prepareModel(about.model) : prepareRunner(about.runner),
    suspect: ({ model }) => {
      const known = models.get(model)
      if (known !== undefined) known.isSuspect = true
    },
    underWay() {
      let inFlight = 0
      const tallies: RunnerTally[] = []
      for (const { runners } of models.values()) {
        for (const [runner, { live, elsewhere }] of runners) {
          const { load } = live
          inFlight += load.inFlight - elsewhere
          const { answered, faults } = load.tally
          if (answered === 0 && faults.size === 0) continue
          tallies.push({ runner, answered, faults: [...faults] })
          load.tally = newTally()
        }
      }
      return { inFlight, tallies }
    },
    find: (id) => models.get(owners.get(id) ?? '')?.runners.get(id)?.live,
    all: () => [...live()],
    eligible: (model, now) =>
      [...(models.get(model)?.runners.values() ?? [])]
        .map((copy) => copy.live)
        .filter((runner) => mayWork(runner, now, toSeconds(now))),
  }
}
