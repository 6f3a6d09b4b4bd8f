// Before kernels whose lanes exchange what they hold. For devices with the feature `subgroups`.

enable subgroups;
