import Table from 'cli-table3'

const bare = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** Rows under their names, without borders; numbers stand to the right. */
export function columns(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const [first = []] = rows
  const table = new Table({
    head: [...head],
    chars: bare,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: first.map((cell) => (typeof cell === 'number' ? 'right' : 'left')),
  })
  for (const row of rows) table.push(row.map(String))
  return table.toString().replaceAll(/ +$/gm, '')
}
