import { UsageError } from '../command.ts'
import { parseArguments } from '../parse-arguments.ts'

/** The flags of `cocoon verify`, checked; which of them go together is judged here too. */
export interface VerifyOptions {
  readonly target: string
  readonly bundle: string | undefined
  readonly saveBundle: string | undefined
  readonly session: string | undefined
  /** Of a gateway's keys, for a receipt of its own in a file. */
  readonly report: string | undefined
  /** Files of the bodies that such a receipt is over. */
  readonly request: string | undefined
  readonly response: string | undefined
  readonly nonce: string | undefined
  readonly reportData: string | undefined
  readonly gpuNonce: string | undefined
  readonly anyNonce: boolean
  readonly registry: string | undefined
  readonly endpoints: readonly string[]
  readonly images: readonly string[]
  readonly anyImage: boolean
  readonly noGpu: boolean
  /** Whether Intel's early data is fetched too. */
  readonly early: boolean
  readonly simulation: string | undefined
  /** Roots, endpoint and Registry are those of the development world in this folder. */
  readonly dev: boolean
  readonly allowSimulated: boolean
  readonly json: boolean
}

export type VerifyArguments =
  | { readonly kind: 'vectors'; readonly folder: string }
  | { readonly kind: 'one'; readonly options: VerifyOptions }

const HASH = /^[0-9a-f]{64}$/
const REPORT_DATA = /^[0-9a-f]{128}$/
const RAW_ADDRESS = /^-?[0-9]{1,3}:[0-9a-f]{64}$/

/** @throws UsageError */
export function readOptions(args: readonly string[]): VerifyArguments {
  const { values, positionals } = parsedArgs(args)
  if (values.vectors !== undefined) {
    if (positionals.length > 0 || Object.keys(values).length > 1) {
      throw new UsageError('--vectors DIR stands alone')
    }
    return { kind: 'vectors', folder: values.vectors }
  }
  const [target, ...rest] = positionals
  if (target === undefined || rest.length > 0) {
    throw new UsageError('give one file or URL, or --vectors DIR; see --help')
  }
  const options: VerifyOptions = {
    target,
    bundle: values.bundle,
    saveBundle: values['save-bundle'],
    session: values.session,
    report: values.report,
    request: values.request,
    response: values.response,
    nonce: matching('--nonce', values.nonce, HASH, '64 lower-case hex digits'),
    reportData: matching('--report-data', values['report-data'], REPORT_DATA, '128 hex digits'),
    gpuNonce: matching('--gpu-nonce', values['gpu-nonce'], HASH, '64 lower-case hex digits'),
    anyNonce: values['any-nonce'] === true,
    registry: matching('--registry', values.registry, RAW_ADDRESS, 'a raw address like 0:ab…'),
    endpoints: values.endpoint ?? [],
    images: values.image ?? [],
    anyImage: values['any-image'] === true,
    noGpu: values['no-gpu'] === true,
    early: false,
    simulation: values.simulation,
    dev: values.dev === true,
    allowSimulated: values['allow-simulated'] === true,
    json: values.json === true,
  }
  checkTogether(options)
  return { kind: 'one', options }
}

function parsedArgs(args: readonly string[]) {
  return parseArguments(args, {
    allowPositionals: true,
    options: {
      vectors: { type: 'string' },
      bundle: { type: 'string' },
      'save-bundle': { type: 'string' },
      session: { type: 'string' },
      report: { type: 'string' },
      request: { type: 'string' },
      response: { type: 'string' },
      nonce: { type: 'string' },
      'report-data': { type: 'string' },
      'gpu-nonce': { type: 'string' },
      'any-nonce': { type: 'boolean' },
      registry: { type: 'string' },
      endpoint: { type: 'string', multiple: true },
      image: { type: 'string', multiple: true },
      'any-image': { type: 'boolean' },
      'no-gpu': { type: 'boolean' },
      simulation: { type: 'string' },
      dev: { type: 'boolean' },
      'allow-simulated': { type: 'boolean' },
      json: { type: 'boolean' },
    },
  })
}

function matching(
  flag: string,
  value: string | undefined,
  form: RegExp,
  what: string,
): string | undefined {
  if (value !== undefined && !form.test(value)) throw new UsageError(`${flag} takes ${what}`)
  return value
}

function checkTogether(options: VerifyOptions): void {
  const { images, anyImage, registry, endpoints, bundle, dev, simulation } = options
  if (images.some((hash) => !HASH.test(hash))) {
    throw new UsageError('--image takes an image hash: 64 lower-case hex digits')
  }
  const pins = [dev, endpoints.length > 0, images.length > 0, anyImage].filter(Boolean)
  if (pins.length > 1) {
    throw new UsageError('choose one of --endpoint, --image, --any-image and --dev')
  }
  if (dev && (bundle !== undefined || simulation !== undefined)) {
    throw new UsageError(
      '--dev brings roots and an endpoint of its own: no --bundle, no --simulation',
    )
  }
  if (registry !== undefined && endpoints.length === 0) {
    throw new UsageError('--registry needs --endpoint URL, a TON endpoint to read it from')
  }
  if (bundle !== undefined && endpoints.length > 0) {
    throw new UsageError('--bundle means no network: pin the image with --image HASH instead')
  }
}
