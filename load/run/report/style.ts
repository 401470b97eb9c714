/** The page's only style sheet: light and dark as the reader has it, and fit for paper. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --card: #ffffff; --ink: #16202c; --soft: #5b6878; --rule: #e3e7ec;
  --c1: #2f6fde; --c2: #11936f; --c3: #c9790b; --c4: #8a4fd0; --c5: #c23b62;
  --pass: #11804f; --fail: #c0262d; --unsure: #a36a00;
  --pass-bg: #e3f5ec; --fail-bg: #fde8e8; --unsure-bg: #fdf1d8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f141a; --card: #171e27; --ink: #e8edf3; --soft: #95a3b3; --rule: #27313d;
    --c1: #6aa1ff; --c2: #3fcf9f; --c3: #f0a73c; --c4: #b78bff; --c5: #f2789b;
    --pass: #4fd796; --fail: #ff7b80; --unsure: #f0b94e;
    --pass-bg: #12301f; --fail-bg: #3a171a; --unsure-bg: #352708;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 32px 24px 64px; }
header { display: flex; flex-wrap: wrap; gap: 8px 20px; align-items: baseline; }
h1 { font-size: 27px; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 17px; margin: 36px 0 12px; }
.badge { border-radius: 999px; padding: 3px 14px; font-weight: 650; font-size: 14px; }
.badge.pass { background: var(--pass-bg); color: var(--pass); }
.badge.fail { background: var(--fail-bg); color: var(--fail); }
.badge.unobserved { background: var(--unsure-bg); color: var(--unsure); }
.lead { color: var(--soft); margin: 6px 0 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(134px, 1fr)); gap: 10px; margin: 24px 0 0; }
.tile, figure, .card { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; }
.tile { padding: 13px 14px; }
.tile b { display: block; font-size: 23px; line-height: 1.25; font-weight: 650; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; display: block; }
.tile.fail b { color: var(--fail); } .tile.unobserved b { color: var(--unsure); }
.meter { height: 6px; border-radius: 3px; background: var(--rule); margin-top: 9px; overflow: hidden; }
.meter i { display: block; height: 100%; background: var(--c2); }
.meter.over i { background: var(--fail); }
.callout { margin: 16px 0 0; padding: 12px 16px; border-radius: 12px; border-left: 4px solid var(--c3); background: var(--card); }
.callout p { margin: 0; } .callout p + p { color: var(--soft); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 14px; }
figure { margin: 0; padding: 14px 16px 10px; min-width: 0; }
figure.wide { grid-column: 1 / -1; }
figcaption { font-weight: 600; }
.note { color: var(--soft); font-size: 13px; margin: 2px 0 8px; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.grid { stroke: var(--rule); } .tick { fill: var(--soft); font-size: 12px; } .label { fill: var(--ink); font-size: 13px; }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; } .dashed { stroke-dasharray: 5 5; }
.mark { stroke: var(--fail); stroke-dasharray: 3 4; }
.area { opacity: 0.14; stroke: none; } .faint { opacity: 0.18; } .soft { opacity: 0.4; }
.dot { fill: var(--card); stroke: var(--c1); stroke-width: 2.5; }
.line.c1 { stroke: var(--c1); } .line.c2 { stroke: var(--c2); } .line.c3 { stroke: var(--c3); } .line.c4 { stroke: var(--c4); } .line.c5 { stroke: var(--c5); }
.area.c1, .fill.c1 { fill: var(--c1); } .area.c2, .fill.c2 { fill: var(--c2); } .area.c3, .fill.c3 { fill: var(--c3); } .area.c4, .fill.c4 { fill: var(--c4); } .area.c5, .fill.c5 { fill: var(--c5); }
.legend { margin: 4px 0 6px; display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--soft); }
.legend span::before { content: ''; display: inline-block; width: 14px; height: 3px; border-radius: 2px; vertical-align: 3px; margin-right: 6px; background: currentColor; }
.legend .c1::before { background: var(--c1); } .legend .c2::before { background: var(--c2); } .legend .c3::before { background: var(--c3); } .legend .c4::before { background: var(--c4); } .legend .c5::before { background: var(--c5); }
table { width: 100%; border-collapse: collapse; }
.card { overflow-x: auto; }
th, td { text-align: left; padding: 9px 14px; border-top: 1px solid var(--rule); vertical-align: top; }
tr:first-child > * { border-top: 0; }
th { font-weight: 600; color: var(--soft); font-size: 13px; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.sign { width: 1%; font-weight: 700; padding-right: 0; }
.pass .sign { color: var(--pass); } .fail .sign { color: var(--fail); } .unobserved .sign { color: var(--unsure); }
.fix { color: var(--soft); font-size: 14px; } .fix::before { content: '→ '; }
code { font: 13px ui-monospace, SFMono-Regular, Menlo, monospace; color: var(--soft); }
footer { margin-top: 36px; color: var(--soft); font-size: 13px; }
@media print { body { background: #fff; } main { padding: 0; } figure, .tile { break-inside: avoid; } }
`
