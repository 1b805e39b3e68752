import { graphql } from "../gql";

export const CategoriesQuery = graphql(/* GraphQL */ `
  query Categories {
    categories { id slug name children { id slug name } }
  }
`);

export const ProductsQuery = graphql(/* GraphQL */ `
  query Products(
    $first: Int!, $after: String, $query: String, $filter: ProductFilter, $sort: ProductSort!
  ) {
    products(first: $first, after: $after, query: $query, filter: $filter, sort: $sort) {
      nodes {
        id slug name brand region
        rating { count average }
        variants { id stockLevel price { amount currency } }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const FacetsQuery = graphql(/* GraphQL */ `
  query Facets($query: String, $filter: ProductFilter) {
    productFacets(query: $query, filter: $filter) {
      total
      brands { value label count }
    }
  }
`);

export const ProductQuery = graphql(/* GraphQL */ `
  query Product($slug: String!) {
    product(slug: $slug) {
      id slug name description brand region tags
      rating { count average }
      category { id name }
      variants {
        id sku name deliveryKind stockLevel minQuantity maxQuantity
        faceValue { amount currency }
        accountFields {
          key kind label help required maxLength dependsOn
          options { value label when }
        }
        price { amount currency }
        compareAtPrice { amount currency }
      }
    }
  }
`);
