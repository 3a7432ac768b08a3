// The hub's content security policy forbids making code from text. The schema library would try it once, be refused, and
// leave an error in the browser's console; this tells it not to try. It must be imported before any schema.
interface SchemaSettings {
  jitless?: boolean;
}

const place = globalThis as { __zod_globalConfig?: SchemaSettings };
place.__zod_globalConfig = { ...place.__zod_globalConfig, jitless: true };
