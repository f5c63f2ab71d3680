import { DurableObject } from 'cloudflare:workers'
import type { WorkerHost } from './host.ts'
import {
  type LoadReport,
  type MarketView,
  objectsOf,
  type RouteRpc,
  type RouteView,
} from './objects.ts'

/** How long one reading of the market serves, and for a place that saw a runner fail. */
const FRESH_MS = { usual: 1_000, suspect: 100 }
/** A place that has not reported for so long has nothing under way. */
const FORGET_MS = 15_000

/**
 * One model's routing: a copy of its leases for all places that serve it, and what each of them has under way. It
 * stores nothing: the market has the leases, and load is of the moment.
 */
export function routeObject(host: WorkerHost) {
  return class RouteObject extends DurableObject<Cloudflare.Env> implements RouteRpc {
    readonly #places = new Map<string, { readonly at: number; readonly report: LoadReport }>()
    #view: { readonly at: number; readonly view: MarketView } | undefined

    async look(report: LoadReport): Promise<RouteView> {
      const now = host.clock()
      this.#places.set(report.place, { at: now, report })
      const known = this.#view
      const view =
        known !== undefined &&
        now - known.at < (report.isSuspect ? FRESH_MS.suspect : FRESH_MS.usual)
          ? known.view
          : await objectsOf(this.env).market().view(report.model)
      if (view !== known?.view) this.#view = { at: now, view }
      return { ...view, elsewhere: this.#elsewhere(report.place, now) }
    }

    #elsewhere(place: string, now: number): Record<string, number> {
      const sums: Record<string, number> = {}
      for (const [name, { at, report }] of this.#places) {
        if (now - at > FORGET_MS) this.#places.delete(name)
        else if (name !== place) {
          for (const [runner, count] of Object.entries(report.inFlight)) {
            sums[runner] = (sums[runner] ?? 0) + count
          }
        }
      }
      return sums
    }
  }
}
