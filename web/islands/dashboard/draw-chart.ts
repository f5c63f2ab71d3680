import UPlot from 'uplot'
import { nano } from '#base/nano.ts'
import { shortTon } from '../../format.ts'
import type { DailyCosts } from './daily-costs.ts'

const NANO_PER_TON = 1e9
const HEIGHT = 220
const BAR = 0.7
const MAX_BAR_PIXELS = 28

/** Draws stacked bars, and again when the place or the theme changes, until `gone`. */
export function drawChart(place: HTMLElement, costs: DailyCosts, gone: AbortSignal): void {
  let chart: UPlot | undefined
  const draw = (): void => {
    chart?.destroy()
    chart = undefined
    if (!gone.aborted && place.clientWidth > 0) chart = make(place, costs)
  }
  const resized = new ResizeObserver(() => {
    if (chart?.width !== place.clientWidth) draw()
  })
  resized.observe(place)
  const dark = matchMedia('(prefers-color-scheme: dark)')
  dark.addEventListener('change', draw, { signal: gone })
  gone.addEventListener('abort', () => {
    resized.disconnect()
    draw()
  })
  draw()
}

function make(place: HTMLElement, { days, series }: DailyCosts): UPlot {
  const color = (name: string): string => resolvedColor(place, name)
  const sums = stacked(series.map(({ costs }) => costs.map((cost) => Number(cost) / NANO_PER_TON)))
  const axis = {
    stroke: color('--chart-ink'),
    grid: { stroke: color('--chart-line'), width: 1 },
    ticks: { show: false },
  }
  const bars = UPlot.paths.bars?.({ size: [BAR, MAX_BAR_PIXELS] })
  return new UPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
      scales: { y: { range: (_chart, _min, max) => [0, max > 0 ? max * 1.05 : 1] } },
      axes: [
        { ...axis, grid: { show: false } },
        { ...axis, size: 84, values: tonLabels },
      ],
      series: [
        {},
        // The tallest sum first: each further one covers its part of it.
        ...sums.map((_, i) => ({
          fill: color(`--series-${sums.length - 1 - i}`),
          width: 0,
          ...(bars === undefined ? {} : { paths: bars }),
          points: { show: false },
        })),
      ],
    },
    [[...days], ...sums.reverse()],
    place,
  )
}

/** A canvas takes colours only; what a role means in this theme is asked of an element. */
function resolvedColor(place: HTMLElement, name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  place.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

function tonLabels(_chart: UPlot, ticks: readonly number[]): string[] {
  return ticks.map((tick) => shortTon(nano(BigInt(Math.round(tick * NANO_PER_TON)))))
}

/** Each series with everything below it. */
function stacked(all: readonly (readonly number[])[]): number[][] {
  const below: number[] = []
  return all.map((values) =>
    values.map((value, day) => {
      below[day] = (below[day] ?? 0) + value
      return below[day]
    }),
  )
}
