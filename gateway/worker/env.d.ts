// biome-ignore lint/style/noNamespace: workers-types merges the bindings of wrangler.toml from here
declare namespace Cloudflare {
  interface Env {
    readonly LEDGER: DurableObjectNamespace
  }
}
