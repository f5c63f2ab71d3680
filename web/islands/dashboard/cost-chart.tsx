import { useEffect, useRef, useState } from 'preact/hooks'
import { nano } from '#base/nano.ts'
import type { DailySum } from '../lib/account.ts'
import { clock, site } from '../lib/browser.ts'
import { Amount } from '../parts/amount.tsx'
import { type DailyCosts, dailyCosts, groupBy } from './daily-costs.ts'

const DAYS = 30

/** Cost per day, stacked by model or by key; the same as a table for those who do not see it. */
export function CostChart(props: {
  readonly sums: readonly DailySum[]
  readonly nameOfKey: (id: string) => string
}) {
  const { sums, nameOfKey } = props
  const [by, setBy] = useState<'model' | 'key'>('model')
  const now = Math.floor(clock() / 1000)
  const groupOf = groupBy(sums, by, nameOfKey)
  const costs = dailyCosts(sums, { groupOf, now, days: DAYS })
  return (
    <figure class="chart">
      <figcaption>
        Cost per day, {DAYS} days, in {site.ticker}, by{' '}
        <select
          aria-label="Group by"
          value={by}
          onChange={({ currentTarget }) => setBy(currentTarget.value === 'key' ? 'key' : 'model')}
        >
          <option value="model">model</option>
          <option value="key">key</option>
        </select>
      </figcaption>
      <Drawing costs={costs} />
      <ul class="legend">
        {costs.series.map(({ name, costs: daily }, i) => (
          <li key={name} class={`series-${i}`}>
            {name} <Amount value={nano(daily.reduce((sum, cost) => sum + cost, 0n))} />
          </li>
        ))}
      </ul>
    </figure>
  )
}

/** The library is loaded when there is something to draw. */
function Drawing({ costs }: { readonly costs: DailyCosts }) {
  const place = useRef<HTMLDivElement>(null)
  const text = costs.series.map(({ name, costs: sums }) => `${name}:${sums.join()}`).join(';')
  useEffect(() => {
    const left = new AbortController()
    import('./draw-chart.ts').then(({ drawChart }) => {
      if (place.current !== null) drawChart(place.current, costs, left.signal)
    })
    return () => left.abort()
  }, [text])
  return <div ref={place} class="drawing" aria-hidden="true" />
}
