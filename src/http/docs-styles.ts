/** The reference page's styles: readable in light and dark, on paper and on a small screen. */
export const docsStyles = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 small { font-weight: normal; opacity: .7; }
h2 { border-bottom: 1px solid; margin-top: 3rem; padding-bottom: .25rem; }
nav h2 { border: 0; font-size: 1rem; margin: 1rem 0 0; }
nav ul { margin: 0; padding-left: 1.25rem; }
section { margin: 2rem 0; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid; border-radius: 4px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid; overflow-wrap: anywhere; }
.method { font-size: .8em; padding: .1em .5em; border: 1px solid; border-radius: 4px; }
:target { outline: 2px solid; outline-offset: .5rem; }
`;
