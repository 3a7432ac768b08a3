import { storeConformance } from "../conformance/index.ts";
import { openFreshPostgres } from "../testing/index.ts";

storeConformance("PostgreSQL", openFreshPostgres);
