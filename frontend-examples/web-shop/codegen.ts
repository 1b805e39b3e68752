import { existsSync } from "node:fs";
import type { CodegenConfig } from "@graphql-codegen/cli";

// Inside the project the published SDL is the truth; a shop that moves out takes a copy along.
const published = "../../schema/shop.graphql";

const config: CodegenConfig = {
  schema: existsSync(published) ? published : "./shop.graphql",
  documents: ["src/operations/*.ts"],
  ignoreNoDocuments: false,
  generates: {
    "./src/gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        strictScalars: true,
        scalars: { Decimal: "string", DateTime: "string", Date: "string" },
      },
    },
  },
};

export default config;
