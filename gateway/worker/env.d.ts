// biome-ignore lint/style/noNamespace: workers-types merges the bindings of wrangler.toml from here
declare namespace Cloudflare {
  interface Env {
    readonly LEDGER: DurableObjectNamespace
    readonly INDEX: DurableObjectNamespace
    readonly MARKET: DurableObjectNamespace
    readonly ROUTE: DurableObjectNamespace
    readonly CHAIN: DurableObjectNamespace
    readonly CASHIER: DurableObjectNamespace
    readonly RESERVES: DurableObjectNamespace
    /** Files of the web page. */
    readonly ASSETS?: Fetcher
    /** Development only (H17): roots and collateral of simulated hardware. */
    readonly SIMULATION?: string
    /** `true` while `cocoon export` or `cocoon import` is at work. */
    readonly PAUSED?: string
  }
}
