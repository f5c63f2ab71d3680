import { existsSync } from 'node:fs'
import * as files from 'node:fs/promises'
import type { Random } from '#base/brand.ts'
import {
  gpuTools,
  NO_GPU,
  openNvidia,
  openTsmQuoter,
  type Quoter,
  TSM_ROOT,
} from '#enclave-runner/main.ts'

/** There while NVIDIA's driver is loaded. */
const NVIDIA_DRIVER = '/proc/driver/nvidia/version'
/** NVIDIA's tools, where the image's packages put them. */
const TOOLS = '/usr/bin'

/** This machine's TEE device and GPUs. @throws QuoteError */
export function openDevices(random: Random): Promise<Quoter> {
  const gpus = existsSync(NVIDIA_DRIVER) ? openNvidia(gpuTools(TOOLS)) : NO_GPU
  return openTsmQuoter({ files, root: TSM_ROOT, random, gpus })
}
