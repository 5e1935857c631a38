-- plan removal of lost factors
drop table if exists "factor_removals" cascade;
