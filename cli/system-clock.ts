import { type Clock, unixMs } from '#base/brand.ts'

/** This machine's clock: the one place where a command's time comes from. */
export const systemClock: Clock = () => unixMs(Date.now())
