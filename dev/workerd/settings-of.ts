import { hex } from '#base/bytes.ts'
import { formatTon } from '#base/nano.ts'
import type { GatewayConfig } from '#gateway/config.ts'

/** A gateway's configuration as the settings that say the same: how a Worker is told. */
export function settingsOf(config: GatewayConfig): Readonly<Record<string, string>> {
  const { listen, chain, queue } = config
  const bytes = (value: Uint8Array | undefined) => (value === undefined ? undefined : hex(value))
  const settings: Readonly<Record<string, string | undefined>> = {
    GATEWAY_ENV: config.production ? 'production' : 'development',
    HOST: listen.host,
    PORT: String(listen.port),
    PUBLIC_URL: config.publicUrl ?? `http://${listen.host}:${listen.port}`,
    RUNNER_DOMAIN: config.runnerDomain,
    RUNNER_ORIGIN_PORTS: config.runnerOriginPorts.join(','),
    GATEWAY_SECRET: hex(config.secret),
    METER_KEY: bytes(chain.meterSeed),
    GAS_KEY: bytes(chain.gasSeed),
    MIN_CHARGE_TON: formatTon(chain.minCharge),
    MIN_REDEEM_TON: formatTon(chain.minRedeem),
    TON_NETWORK: chain.network,
    TON_ENDPOINT: chain.endpoint,
    TON_WITNESSES: chain.witnesses.join(','),
    TON_API_KEY: chain.apiKey,
    WEB_TON_ENDPOINTS: chain.webEndpoints.join(','),
    REGISTRY_ADDRESS: chain.registry,
    TILL_ADDRESS: chain.till,
    MODELS: modelsText(config),
    COMMISSION_BPS: String(config.commissionBps),
    MAX_PRICE_COEFFICIENT_BPS: String(config.maxCoefficientBps),
    PLAINTEXT: config.plaintext,
    GPU: config.gpu,
    HOST_PROOF: config.hostProof,
    DENIED_HASHES: config.denials.join(','),
    ADMIN_KEY: config.adminKey,
    METRICS_TOKEN: config.metricsToken,
    MAX_BODY_BYTES: String(config.maxBodyBytes),
    MAX_QUEUED: String(queue.requests),
    QUEUE_SECONDS: String(queue.seconds),
    LOG_LEVEL: config.logLevel,
  }
  return Object.fromEntries(
    Object.entries(settings).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

function modelsText({ models }: GatewayConfig): string {
  return JSON.stringify(models, (_, value) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
}
