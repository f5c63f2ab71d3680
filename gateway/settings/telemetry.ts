import { optional, required } from '#base/parse-setting.ts'
import { setting } from './setting.ts'
import { headerList, oneOf, ratio, url } from './setting-parsers.ts'

/** What is told about requests, and to whom. */
export const TELEMETRY_SETTINGS = {
  LOG_LEVEL: setting({
    help: 'debug, info, warn or error',
    fallback: 'info',
    parse: oneOf('debug', 'info', 'warn', 'error'),
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting({
    help: 'OpenTelemetry collector (OTLP over HTTP with JSON): traces go to /v1/traces there; unset exports none',
    fallback: undefined,
    parse: optional(url),
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: setting({
    help: 'the same for traces alone, as a whole URL',
    fallback: undefined,
    parse: optional(url),
  }),
  OTEL_EXPORTER_OTLP_HEADERS: setting({
    help: 'headers for the collector: name=value, separated by commas, percent-encoded',
    fallback: '',
    parse: headerList,
  }),
  OTEL_SERVICE_NAME: setting({
    help: 'name of this gateway in traces',
    fallback: 'cocoon-gateway',
    parse: required((text) => text),
  }),
  OTEL_TRACES_SAMPLER_ARG: setting({
    help: 'share of requests to trace, 0 to 1; what callers ask for in traceparent does not count',
    fallback: '1',
    parse: required(ratio),
  }),
  OTEL_SDK_DISABLED: setting({
    help: 'true exports no traces, whatever else is set',
    fallback: 'false',
    parse: oneOf('true', 'false'),
  }),
} as const
