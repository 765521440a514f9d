// Grafana's own types, made such that a JSON literal fits them: a string enumeration is one of its texts there.
import type { Dashboard, DataQuery, GraphFieldConfig, Panel } from "@grafana/schema";
import type { Options as BarGauge } from "@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type { Options as Stat } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type { FieldConfig as Stretch, Options as StateTimeline } from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type { FieldConfig as Cell, Options as Table } from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type { Options as TimeSeries } from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

type Json<T> = T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends Array<infer Item> ? Json<Item>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;

type Defaults<Custom> = { fieldConfig: { defaults: { custom: Json<Partial<Custom>> } } };
type Shown<Type, Options, Custom> = Omit<Json<Panel>, "type" | "options"> & { type: Type; options: Json<Partial<Options>> } & Defaults<Custom>;
type AnyPanel =
  | Shown<"bargauge", BarGauge, object>
  | Shown<"stat", Stat, object>
  | Shown<"state-timeline", StateTimeline, Stretch>
  | Shown<"table", Table, Cell>
  | Shown<"timeseries", TimeSeries, GraphFieldConfig>;
type Query = Json<DataQuery> & { expr?: string; interval?: string; query?: string };
type Annotation = { name: string; enable: boolean; hide: boolean; iconColor: string; datasource: object; target: Query; titleFormat?: string; textFormat?: string };
type Whole = Omit<Json<Dashboard>, "panels" | "annotations"> & { panels: AnyPanel[]; annotations: { list: Annotation[] } };
type Imported = Whole & { __inputs: { name: string; type: "datasource"; pluginId: string; pluginName: string; label: string; description: string }[]; __requires: { type: string; id: string; name: string; version: string }[] };

