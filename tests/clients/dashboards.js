// Checks dashboards against the types that Grafana publishes: `node dashboards.js FILE…`.
//
// Each file becomes a TypeScript expression that must satisfy them, so that a key that Grafana does
// not know, a value it does not take and a key that it needs are all found.

'use strict';

const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const ts = require('typescript');

const TYPES = `
import type { Dashboard, FieldConfig, FieldConfigSource, Panel } from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type * as logs from '@grafana/schema/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON has the values of enums, not their names.
type Plain<T> = unknown extends T ? T
  : T extends string ? \`\${T}\`
  : T extends readonly (infer Item)[] ? Plain<Item>[]
  : T extends object ? { [Key in keyof T]: Plain<T[Key]> }
  : T;

type Fields<Custom> = Omit<FieldConfigSource, 'defaults'> & {
  defaults: Omit<FieldConfig, 'custom'> & { custom?: Partial<Custom> };
};
type PanelOf<Type, Options, Custom> = Omit<Panel, 'type' | 'options' | 'fieldConfig'> & {
  type: Type;
  options: Options;
  fieldConfig: Fields<Custom>;
};
type None = Record<string, never>;

// The trace view's options are not published; it needs none.
export type Checked = Plain<Omit<Dashboard, 'panels'> & {
  panels: (
    | PanelOf<'logs', logs.Options, None>
    | PanelOf<'stat', stat.Options, None>
    | PanelOf<'table', table.Options, table.FieldConfig>
    | PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>
    | PanelOf<'traces', None, None>
  )[];
}>;
`;

const OPTIONS = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  noEmit: true,
  skipLibCheck: true,
  strict: true,
  target: ts.ScriptTarget.ES2022,
  types: [],
};

// Beside the packages, where imports are looked for.
const directory = dirname(dirname(dirname(require.resolve('typescript/package.json'))));
const sources = new Map([[join(directory, 'checked.ts'), TYPES]]);
process.argv.slice(2).forEach((file, index) => {
  const json = readFileSync(file, 'utf8').trimEnd();
  const name = join(directory, `dashboard${index}.ts`);
  sources.set(name, `import type { Checked } from './checked';\nexport default ${json} satisfies Checked;\n`);
});

const host = ts.createCompilerHost(OPTIONS);
const { fileExists, readFile, getSourceFile } = host;
host.fileExists = (name) => sources.has(name) || fileExists(name);
host.readFile = (name) => sources.get(name) ?? readFile(name);
host.getSourceFile = (name, version, ...rest) =>
  sources.has(name)
    ? ts.createSourceFile(name, sources.get(name), version)
    : getSourceFile(name, version, ...rest);

const program = ts.createProgram([...sources.keys()], OPTIONS, host);
const problems = ts.getPreEmitDiagnostics(program);
for (const { file, start, messageText } of problems) {
  const at = file ? `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line}: ` : '';
  console.log(at + ts.flattenDiagnosticMessageText(messageText, '\n'));
}
process.exitCode = problems.length > 0 ? 1 : 0;
