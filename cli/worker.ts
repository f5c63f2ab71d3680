import { createWorker } from '#gateway/worker.ts'
import { openWorkerPages } from '#web/worker.ts'

export {
  CashierObject,
  ChainObject,
  IndexObject,
  LedgerObject,
  MarketObject,
  ReservesObject,
  RouteObject,
} from '#gateway/worker.ts'

/** What `wrangler deploy` uploads: the gateway and its page. */
export default createWorker(openWorkerPages)
